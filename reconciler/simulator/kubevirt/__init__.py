"""Simulates KubeVirt as clients see it: webhooks, operator, controllers, nodes and guests."""
