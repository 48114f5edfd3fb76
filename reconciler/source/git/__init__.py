"""Reads revisions and files of Git repositories, without changing them."""
