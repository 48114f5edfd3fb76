"""Declarative GitOps reconciler for KubeVirt memory hotplug."""

__version__ = "0.1.0"
