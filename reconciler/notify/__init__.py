"""Sends notifications to webhooks, chats and Alertmanager."""
