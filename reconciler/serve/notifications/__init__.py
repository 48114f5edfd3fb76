"""Decides which notifications are due, and stores which ones were sent."""
