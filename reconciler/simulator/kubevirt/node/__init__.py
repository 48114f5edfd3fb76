"""Simulates scheduling, quotas, launcher pods, virt-handler and guest memory on the nodes."""
