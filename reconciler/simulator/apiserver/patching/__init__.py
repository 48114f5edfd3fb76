"""Handles PATCH requests in the four patch formats of Kubernetes.

Server-side apply is supported for kubectl on the demo cluster; the product does not use it.
"""
