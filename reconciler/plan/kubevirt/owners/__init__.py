"""Recognises the owner of the KubeVirt CR, and decides where to write each setting."""
