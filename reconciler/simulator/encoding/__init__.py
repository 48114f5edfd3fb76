"""Encodes and decodes objects as JSON and protobuf."""
