"""Renders notifications as the bodies of requests, in the format of each kind of receiver."""
