"""Describes which commit of a branch is applied."""
