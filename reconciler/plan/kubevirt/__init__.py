"""Decides the change of the KubeVirt CR and its consequences for VMs."""
