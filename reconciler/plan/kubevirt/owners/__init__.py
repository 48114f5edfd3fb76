"""Recognises the operator that manages the KubeVirt CR and decides where to write settings."""
