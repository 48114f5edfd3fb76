"""Reads alerts from Prometheus, or from a server with the same API."""
