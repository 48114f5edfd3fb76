"""Renders the differences between a plan and its base commit's plan, for all formats."""
