"""Computes how long a change takes, how the change disrupts the VM, and when it can start."""
