"""Reads a snapshot of the cluster, or of a file."""
