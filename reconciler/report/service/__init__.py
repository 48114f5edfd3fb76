"""Renders responses of the HTTP API and of the readiness probe of ``serve``."""
