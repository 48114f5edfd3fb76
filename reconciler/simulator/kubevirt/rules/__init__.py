"""Defines KubeVirt's rules as pure functions of objects, configuration and version."""
