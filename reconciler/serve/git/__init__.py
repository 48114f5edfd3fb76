"""Reads the repository at intervals and after webhooks, also those of other replicas."""
