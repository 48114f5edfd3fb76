"""Serves the simulated API server over HTTP."""
