"""Represents a run: its progress, its result per object, and its data for the next run."""
