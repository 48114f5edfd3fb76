"""Tracks each object from its first write to its final result, and stores data for later runs."""
