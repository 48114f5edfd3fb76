"""Applies the two parts of a plan: first the KubeVirt CR, then the memory of VMs."""
