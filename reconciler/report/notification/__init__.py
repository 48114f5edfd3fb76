"""Renders notifications as HTTP request bodies, in the format of each kind of receiver."""
