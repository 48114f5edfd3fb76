"""Reads a snapshot of the live state from a cluster or from a cluster snapshot file."""
