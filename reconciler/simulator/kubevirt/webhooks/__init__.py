"""Simulates the admission webhooks of virt-api and virt-operator, and the VM subresources."""
