"""Implements KubeVirt's rules as functions without side effects."""
