"""Tracks each object from its first write to its end, and stores what later runs must know."""
