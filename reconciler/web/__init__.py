"""Sends HTTP requests to servers other than the API server, with limits on time and size."""
