"""Tracks each object from its first write to its result, and stores data for later runs."""
