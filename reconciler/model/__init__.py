"""Frozen values that every other package uses; they import nothing else of the product."""
