"""Parses API requests, validates their bodies, calls admission hooks, and builds errors."""
