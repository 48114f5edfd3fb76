"""``NODES``: decodes nodes, and finds out why a node cannot run a new launcher pod."""

from __future__ import annotations

from reconciler.cluster.decode.decode_values import amount, conditions, labels, other_resources
from reconciler.cluster.decode.pages import Kind
from reconciler.cluster.decode.scheduling_constraints import taints
from reconciler.cluster.decode.structs import wire
from reconciler.model.live.live_state import LiveNode
from reconciler.model.live.placement import is_unread

SCHEDULABLE = "kubevirt.io/schedulable"
HUGEPAGES = "hugepages-"
"""The prefix of the resource names for huge pages; the page size follows the prefix."""


def node(item: wire.Node) -> LiveNode:
    """Decode a Kubernetes node."""
    meta, status = item.metadata, item.status or wire.NodeStatus()
    allocatable, labelled = status.allocatable or {}, meta.labels or {}
    sizes = {
        name.removeprefix(HUGEPAGES): amount(found, f"allocatable.{name}")
        for name, found in allocatable.items()
        if name.startswith(HUGEPAGES)
    }
    problem = _problem(item)
    return LiveNode(
        name=meta.name,
        schedulable=not problem,
        problem=problem,
        taints=taints(item.spec.taints if item.spec else None),
        allocatable=amount(allocatable.get("memory"), "allocatable.memory"),
        hugepages={size: found for size, found in sizes.items() if found and found.n_bytes},
        others=other_resources(allocatable),
        labels=labels({key: text for key, text in labelled.items() if not is_unread(key)}),
    )


def _problem(item: wire.Node) -> str:
    """Return why a node cannot run a new launcher pod, or an empty string if the node can.

    A node that is not ready has the taint ``not-ready`` or ``unreachable``. virt-handler sets the
    label ``kubevirt.io/schedulable``. Source: kubernetes v1.36 pkg/controller/nodelifecycle;
    kubevirt v1.9.0 pkg/virt-handler/heartbeat.
    """
    ready = conditions(item.status.conditions if item.status else None).get("Ready")
    if item.spec and item.spec.unschedulable:
        return "is cordoned"
    if ready is not None and ready.status != "True":
        return "is not ready"
    if (item.metadata.labels or {}).get(SCHEDULABLE) != "true":
        return f"lacks the label {SCHEDULABLE}=true"
    return ""


NODES = Kind("Node", wire.Node, node)
