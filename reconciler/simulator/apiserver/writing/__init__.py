"""Handles the requests that create, change and delete objects."""
