"""Handles PATCH requests in the four patch formats of Kubernetes.

Server-side apply is supported for kubectl with the demo cluster; the product itself sends no apply
patches.
"""
