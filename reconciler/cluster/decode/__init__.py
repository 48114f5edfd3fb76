"""Decodes the API server's JSON into values, without input or output."""
