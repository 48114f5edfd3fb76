"""virt-controller and virt-operator."""
