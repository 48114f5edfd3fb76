"""Tracks each object from its first write to its end, and keeps what later runs must know."""
