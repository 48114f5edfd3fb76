"""Authenticates and authorizes requests to the simulated API server."""
