"""Simulates the operators that write the KubeVirt CR, and their own objects."""
