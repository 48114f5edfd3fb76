"""Reads scenarios, which describe simulated clusters, and creates the objects in them."""
