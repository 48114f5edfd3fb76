"""Revisions and files of Git repositories, for reading only."""
