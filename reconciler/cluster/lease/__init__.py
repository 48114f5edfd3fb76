"""The Lease that a run must hold before it may write to the cluster."""
