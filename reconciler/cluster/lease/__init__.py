"""Acquires, renews and releases the Lease that a run must hold to write to the cluster."""
