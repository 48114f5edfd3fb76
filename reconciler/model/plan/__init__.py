"""Represents a plan: its decisions, the planned changes, and their approval."""
