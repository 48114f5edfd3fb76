"""The waves of a run: first the KubeVirt CR, then the memory of VMs."""
