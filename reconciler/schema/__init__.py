"""Checks plain values against the published JSON Schemas."""
