"""Parses manifest files into the objects that Git declares."""
