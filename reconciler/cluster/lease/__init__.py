"""Acquires, renews and releases the Lease that a run needs in order to write to the cluster."""
