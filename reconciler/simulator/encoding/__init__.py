"""Encodes and decodes Kubernetes objects as JSON and protobuf."""
