"""Converts the API server's JSON to values, without I/O."""
