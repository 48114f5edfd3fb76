"""Renders what the API and the probes of ``serve`` answer."""
