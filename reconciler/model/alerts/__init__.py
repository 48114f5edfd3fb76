"""Represents alerts of Prometheus: how Git selects them, and how they prevent changes."""
