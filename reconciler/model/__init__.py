"""Immutable values that all other packages use; they import no other package of the program."""
