"""Reads world files, each of which describes a simulated cluster, and creates their objects."""
