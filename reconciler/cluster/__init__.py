"""Kubernetes to values and back: the only package that talks to an API server."""
