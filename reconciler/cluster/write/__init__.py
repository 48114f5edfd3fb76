"""Writes to the cluster: patches, restarts, Events, and a check of the rights they need."""
