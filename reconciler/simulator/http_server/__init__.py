"""The HTTP server of the API server."""
