"""Nodes: scheduler, quotas, launcher pods, virt-handler and guests."""
