"""Recognises the operator that manages the KubeVirt CR, and where to write each setting."""
