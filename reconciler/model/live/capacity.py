"""``Capacity``: the resources that pods use and that quotas allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model.diagnostic import Diagnostic
from reconciler.model.references import Uid

UNREAD_LABELS = (
    "cpu-feature.node.kubevirt.io/",
    "cpu-model.node.kubevirt.io/",
    "cpu-model-migration.node.kubevirt.io/",
    "cpu-timer.node.kubevirt.io/",
    "host-model-cpu.node.kubevirt.io/",
    "host-model-required-features.node.kubevirt.io/",
    "hyperv.node.kubevirt.io/",
)
"""Prefixes of the node labels that are not stored, because nodes have hundreds of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUse:
    """The resources that one or more pods request."""

    memory: int = 0
    """The requested memory in bytes, without huge pages."""
    hugepages: Mapping[str, int] = field(default_factory=dict)
    """The requested bytes of huge pages by page size, such as ``2Mi``."""
    others: Mapping[str, int] = field(default_factory=dict)
    """Other requests: ``cpu`` in thousandths, ``pods``, and devices such as ``nvidia.com/gpu``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """A launcher pod that has not terminated and therefore uses capacity."""

    namespace: str
    node: str = ""
    """The pod's node; empty until the pod is scheduled."""
    requests: ResourceUse
    """The requests of the whole pod, as the scheduler and quotas count them."""
    limit: int = 0
    """The sum of the containers' ``limits.memory`` in bytes; a container without one adds 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUse:
    """The resources that the pods on one node request."""

    requested: ResourceUse = field(default_factory=ResourceUse)
    moving: ResourceUse = field(default_factory=ResourceUse)
    """The requests of migrating VMs' pods; each VM has two pods until its migration ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A ResourceQuota, reduced to the resources that launcher pods use."""

    name: str
    hard: Mapping[str, int] = field(default_factory=dict)
    """The limit of each resource, such as ``requests.memory``: in bytes, or a number of pods."""
    used: Mapping[str, int] = field(default_factory=dict)
    moving: Mapping[str, int] = field(default_factory=dict)
    """The maximum amount of each resource that the end of the running migrations will free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The memory that pods use on nodes, and the limits of quotas, at one moment."""

    observed_at: datetime
    pods_known: bool = True
    """Whether pods could be listed; false if the permission is missing."""
    quotas_known: bool = True
    """Whether quotas could be listed; false if the permission is missing."""
    nodes: Mapping[str, NodeUse] = field(default_factory=dict)
    """The resources that pods use on each node, by name; nodes without pods are left out."""
    launchers: Mapping[Uid, tuple[Launcher, ...]] = field(default_factory=dict)
    """The launcher pods of each VMI, by its uid; a migrating VMI has two launcher pods."""
    quotas: Mapping[str, tuple[Quota, ...]] = field(default_factory=dict)
    """The quotas of each namespace, sorted by name."""
    diagnostics: tuple[Diagnostic, ...] = ()
