"""Reads revisions and files of Git repositories; changes nothing in them."""
