"""The decision on the KubeVirt CR, and what it does to VMs."""
