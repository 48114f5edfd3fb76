"""Represents the live state of the cluster as one snapshot, and that snapshot as a file."""
