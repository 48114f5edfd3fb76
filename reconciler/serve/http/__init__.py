"""Serves HTTP: the page, the API and the metrics for people, and the webhooks for forges."""
