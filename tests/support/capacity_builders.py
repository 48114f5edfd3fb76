"""Builders for the capacity of nodes and quotas, and for launcher pods of VMs with 1Gi."""

from __future__ import annotations

from support.builders import NOW, q

from reconciler.model.live.capacity import Capacity, Launcher, NodeUse, ResourceUse
from reconciler.model.live.live_state import LiveNode
from reconciler.model.quantity import GIB, MIB

OVERHEAD = 268 * MIB
"""The memory overhead that KubeVirt v1.9.0 adds to a VM with one vCPU and no requests."""
USED = GIB + OVERHEAD
"""The memory request of the current launcher pod of a VM with 1Gi."""
NEED = 2 * GIB + OVERHEAD
"""The memory request of a migration target pod for a VM with 2Gi."""


def node(name: str, size: str = "64Gi", **more) -> LiveNode:
    return LiveNode(name=name, schedulable=True, allocatable=q(size), **more)


def use(memory: int, moving: int = 0) -> NodeUse:
    return NodeUse(requested=ResourceUse(memory=memory), moving=ResourceUse(memory=moving))


def launcher(node: str, guest: int = GIB, limit: int = 0) -> Launcher:
    requests = ResourceUse(memory=guest + OVERHEAD)
    return Launcher(namespace="db", node=node, requests=requests, limit=limit)


def capacity(nodes=None, quotas=(), launchers=None, **more) -> Capacity:
    return Capacity(
        observed_at=NOW,
        nodes=nodes or {},
        quotas={"db": tuple(quotas)} if quotas else {},
        launchers={"vmi-pg-0": (launcher("node01"),)} if launchers is None else launchers,
        **more,
    )
