"""Writes patches, restarts and Events to the cluster, after checking the permissions."""
