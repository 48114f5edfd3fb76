"""Parses YAML as Kubernetes does, with the place of each value."""
