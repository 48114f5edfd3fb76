"""Represents a plan: decisions, actions and waves, and the approval of actions."""
