"""Reads files that describe a simulated cluster, and creates the objects that they describe."""
