"""Renders how a plan compares with the plan of its base, for all formats."""
