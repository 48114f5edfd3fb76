"""Sends notifications to webhooks, chat services and Alertmanager."""
