"""Checks parsed documents against the published JSON Schemas."""
