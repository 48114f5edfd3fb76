"""Caches parsed files between runs."""
