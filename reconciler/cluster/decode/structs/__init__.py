"""Declares the Kubernetes JSON fields that this program reads, as msgspec Structs."""
