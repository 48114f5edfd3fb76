"""Represents the commit of a branch that is currently applied."""
