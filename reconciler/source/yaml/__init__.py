"""Reads YAML as Kubernetes does, and keeps the location of each value."""
