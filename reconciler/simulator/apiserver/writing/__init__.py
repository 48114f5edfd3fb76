"""Handles API requests that create, change and delete objects."""
