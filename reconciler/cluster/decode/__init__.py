"""Decodes JSON from the API server into Python values; sends no requests and reads no files."""
