"""Simulates virt-operator, and the VM, VMI and workload update controllers of virt-controller."""
