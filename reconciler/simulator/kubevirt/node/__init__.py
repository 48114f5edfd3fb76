"""Simulates the scheduler, quotas, launcher pods, virt-handler and the memory of guests."""
