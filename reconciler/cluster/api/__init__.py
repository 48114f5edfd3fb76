"""Sends requests to an API server: credentials, transport, retries, watches, typed errors."""
