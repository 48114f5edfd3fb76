"""Writes patches, restarts and Events to the cluster, after a check of the permissions."""
