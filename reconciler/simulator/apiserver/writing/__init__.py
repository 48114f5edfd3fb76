"""Handles requests that create, change and delete objects."""
