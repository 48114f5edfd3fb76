"""Decides what happens to each object and builds the patches; it has no side effects."""
