"""What KubeVirt derives from a VM, by version; pure."""
