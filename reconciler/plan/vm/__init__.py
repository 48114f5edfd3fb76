"""Decides how one VM changes, with the effect and the reason."""
