"""Defines the desired state and the configuration that Git declares."""
