"""Declares the Kubernetes JSON that is read, as msgspec Structs; see ``wire``."""
