"""What happens to the KubeVirt CR, and to VMs because of it."""
