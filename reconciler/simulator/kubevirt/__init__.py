"""Simulates the webhooks, operator, controllers, nodes and guests of KubeVirt."""
