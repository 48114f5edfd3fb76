"""Stores objects, resourceVersions and change events, as etcd does for a real API server."""
