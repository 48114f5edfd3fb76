"""Simulates nodes: scheduler, quotas, launcher pods, virt-handler and guest memory."""
