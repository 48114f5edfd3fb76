"""Describes the reason codes in one table per effect, which ``reason_catalogue`` combines.

Each entry contains the evidence, the meaning, and what the user should do.
"""
