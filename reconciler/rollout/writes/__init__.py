"""Sends writes to the API server and handles the responses."""
