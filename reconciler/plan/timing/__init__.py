"""Computes how long a change takes, how it disrupts the VM, and when it may start."""
