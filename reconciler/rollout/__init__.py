"""Applies a plan: sends the allowed writes, and tracks each VM until its guest has its memory."""
