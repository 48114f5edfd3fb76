"""Requests to an API server: credentials, transport, retries, watches and typed errors."""
