"""Renders the live pages of ``serve``: the fleet, each VM and each reason, and their updates."""
