"""Renders a JSON plan or a JSON run report as a comment on a pull request."""
