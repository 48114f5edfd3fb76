"""Loads the published JSON Schemas and checks plain values against them."""
