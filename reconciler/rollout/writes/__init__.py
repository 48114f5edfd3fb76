"""Sends writes to the API server and handles its answers."""
