"""Polls the Git repository at intervals, and after webhook requests to any replica."""
