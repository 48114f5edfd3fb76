"""Simulates KubeVirt's webhooks, operator, controllers, nodes and guests, as clients see them."""
