"""Renders the differences between a plan and the plan of the base commit, for all formats."""
