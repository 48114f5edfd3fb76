"""Renders a plan document or a run report as the comment on a pull request."""
