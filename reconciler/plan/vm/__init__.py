"""Decides the change of one VM, with its effect and its reason."""
