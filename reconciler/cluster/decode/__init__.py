"""Converts the API server's JSON to values, without any input or output."""
