"""Reads and writes Kubernetes objects; the only package that talks to an API server."""
