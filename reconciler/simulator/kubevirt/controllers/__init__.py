"""virt-operator, and virt-controller's controllers for VMs, VMIs and workload updates."""
