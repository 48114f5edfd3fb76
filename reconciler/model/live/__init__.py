"""Represents a snapshot of the cluster's live state, in memory and in a file."""
