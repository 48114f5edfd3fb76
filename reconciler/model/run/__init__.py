"""Represents a run: its progress, its outcomes, and its checkpoint for the next run."""
