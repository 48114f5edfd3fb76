"""Renders plans, run reports and statuses as text, Markdown, HTML and JSON, without I/O."""
