"""The room that pods and quotas leave: read only where a live change needs it; sizes in bytes."""

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
"""Prefixes of node labels that are not kept: hundreds a node, and no rule reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Memory that something asks for."""

    memory: int = 0
    """Bytes, huge pages not included."""
    hugepages: Mapping[str, int] = field(default_factory=dict)
    """Bytes by page size, such as ``2Mi``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """A launcher pod that takes room: one that has not ended."""

    namespace: str
    node: str = ""
    """Empty while no node has taken it."""
    requests: MemoryUse
    """Of the whole pod, as the scheduler and a quota count them."""
    limit: int = 0
    """``limits.memory`` of all containers, in bytes; a container without one counts nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUse:
    """What the pods on one node ask for."""

    requested: MemoryUse = field(default_factory=MemoryUse)
    moving: MemoryUse = field(default_factory=MemoryUse)
    """The part that belongs to VMs with two pods: one of the two goes when they have migrated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A ResourceQuota, of the resources that a launcher pod is judged by here."""

    name: str
    hard: Mapping[str, int] = field(default_factory=dict)
    """By resource, such as ``requests.memory``: bytes, or a number of pods."""
    used: Mapping[str, int] = field(default_factory=dict)
    moving: Mapping[str, int] = field(default_factory=dict)
    """What the quota gets back at the most when the present migrations have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Pods and quotas at one moment."""

    observed_at: datetime
    pods_known: bool = True
    """False where pods may not be listed."""
    quotas_known: bool = True
    """False where quotas may not be listed."""
    nodes: Mapping[str, NodeUse] = field(default_factory=dict)
    """By name; a node without pods is not in it."""
    launchers: Mapping[Uid, tuple[Launcher, ...]] = field(default_factory=dict)
    """By the uid of the VirtualMachineInstance; two while it migrates."""
    quotas: Mapping[str, tuple[Quota, ...]] = field(default_factory=dict)
    """By namespace, in the order of their names."""
    diagnostics: tuple[Diagnostic, ...] = ()
