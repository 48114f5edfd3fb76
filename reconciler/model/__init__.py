"""Immutable values that all other packages use; this package imports no other package."""
