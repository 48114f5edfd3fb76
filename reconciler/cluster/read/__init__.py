"""Reads the cluster, or a snapshot of it, once."""
