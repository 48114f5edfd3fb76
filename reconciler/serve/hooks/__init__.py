"""Receives webhooks of forges, which shorten the wait until the repository is read again."""
