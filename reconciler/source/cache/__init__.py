"""Caches parsed files from one run to the next."""
