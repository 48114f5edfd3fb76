"""Decides how one VM changes, how the change takes effect, and why."""
