"""Reads a snapshot from a cluster or from a file."""
