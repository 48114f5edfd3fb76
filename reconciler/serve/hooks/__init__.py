"""Receives webhook requests from Git hosts, so that pushes are noticed before the next poll."""
