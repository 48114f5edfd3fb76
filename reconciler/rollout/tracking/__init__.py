"""Tracks each object from its first write to its end, and stores the data for later runs."""
