"""Sends requests to an API server, with credentials, retries, watches and typed errors."""
