"""Applies a plan: sends the allowed writes, and tracks each VM until its memory has changed."""
