"""Describes which commit of a Git revision applies."""
