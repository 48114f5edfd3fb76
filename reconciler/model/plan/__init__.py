"""Represents a plan: its decisions, its actions, and the approval of actions."""
