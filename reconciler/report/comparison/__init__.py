"""Renders how a plan compares with the plan of its base commit, for all formats."""
