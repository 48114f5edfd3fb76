"""Represents the cluster's live state as one snapshot, in memory and in a file."""
