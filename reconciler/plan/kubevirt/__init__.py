"""Decides how the KubeVirt CR changes, and how the change affects VMs."""
