"""Reads world files, which describe simulated clusters, and creates their objects."""
