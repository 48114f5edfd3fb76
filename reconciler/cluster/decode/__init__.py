"""Decodes the API server's JSON into values; sends no requests and reads no files."""
