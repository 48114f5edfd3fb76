"""Simulates the webhooks of virt-api and virt-operator, and virt-api's subresources."""
