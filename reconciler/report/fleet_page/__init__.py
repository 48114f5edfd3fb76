"""Renders the status pages of ``serve`` for all VMs, one VM and one reason, and their updates."""
