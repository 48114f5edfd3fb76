"""Sends writes and reads what their answers mean."""
