"""Simulates virt-operator, and virt-controller's VM, VMI and workload update controllers."""
