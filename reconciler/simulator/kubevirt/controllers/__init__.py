"""Simulates virt-operator, and virt-controller's controllers of VMs, VMIs and workload updates."""
