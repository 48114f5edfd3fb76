"""Renders plans, runs and statuses as text, Markdown and JSON; no I/O, no clock."""
