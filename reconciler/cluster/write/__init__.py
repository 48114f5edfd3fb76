"""Writes patches, restarts and Events to the cluster, and checks the required rights first."""
