"""Decides whether a commit may be applied: signatures of commits and tags, and trusted keys."""
