"""Connects git to a server: credentials, certificates, host keys and error messages."""
