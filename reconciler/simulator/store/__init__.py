"""Stores objects, revisions and change events, as etcd does for a real API server."""
