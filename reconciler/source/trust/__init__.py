"""Decides whether a commit can be applied: signatures on commits and tags, and trusted keys."""
