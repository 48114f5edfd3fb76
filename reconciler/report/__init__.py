"""Renders plans, runs and statuses as text, Markdown and JSON, without I/O or a clock."""
