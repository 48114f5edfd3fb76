"""What runs on nodes: scheduler, launcher pods, virt-handler, guests."""
