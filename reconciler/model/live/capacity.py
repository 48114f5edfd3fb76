"""What pods and quotas leave: ``Capacity``, which only live changes need; sizes in bytes."""

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
"""Prefixes of node labels that are dropped: nodes have hundreds, and no rule reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Requested memory."""

    memory: int = 0
    """Bytes, huge pages not included."""
    hugepages: Mapping[str, int] = field(default_factory=dict)
    """Bytes by page size, such as ``2Mi``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """A launcher pod that uses capacity, since it has not ended."""

    namespace: str
    node: str = ""
    """Empty until the pod is scheduled."""
    requests: MemoryUse
    """Of the whole pod, as the scheduler and a quota count them."""
    limit: int = 0
    """``limits.memory`` of all containers, in bytes; a container without one counts as 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUse:
    """What the pods on one node request."""

    requested: MemoryUse = field(default_factory=MemoryUse)
    moving: MemoryUse = field(default_factory=MemoryUse)
    """The part of VMs with two pods, of which one ends after the migration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A ResourceQuota, with the resources that are compared with launcher pods."""

    name: str
    hard: Mapping[str, int] = field(default_factory=dict)
    """By resource, such as ``requests.memory``: bytes, or a number of pods."""
    used: Mapping[str, int] = field(default_factory=dict)
    moving: Mapping[str, int] = field(default_factory=dict)
    """The most that the quota regains when current migrations have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Pods and quotas at one moment."""

    observed_at: datetime
    pods_known: bool = True
    """False without permission to list pods."""
    quotas_known: bool = True
    """False without permission to list quotas."""
    nodes: Mapping[str, NodeUse] = field(default_factory=dict)
    """By name, without nodes that have no pods."""
    launchers: Mapping[Uid, tuple[Launcher, ...]] = field(default_factory=dict)
    """By the uid of the VirtualMachineInstance; two while it migrates."""
    quotas: Mapping[str, tuple[Quota, ...]] = field(default_factory=dict)
    """By namespace, ordered by name."""
    diagnostics: tuple[Diagnostic, ...] = ()
