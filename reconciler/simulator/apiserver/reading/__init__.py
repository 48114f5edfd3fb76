"""Handles GET, LIST and WATCH requests."""
