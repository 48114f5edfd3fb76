"""Decides which nodes and quotas have the capacity for a target pod.

A node has capacity if it is not the source node, runs VMs, is not cordoned, has the labels of the
VM's nodeSelector and the source's CPU vendor, and has enough memory and huge pages left. This
module does not check CPU requests, the number of pods, devices, taints, affinity and host-model
CPU labels. Therefore, the scheduler may still reject a node that passes these checks, but
it never accepts a node that fails them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.live.capacity import UNREAD_LABELS, Capacity, NodeUse
from reconciler.plan.behaviour.target_pod import Rendering, TargetPod, target_pod

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.live.capacity import Quota
    from reconciler.model.live.live_state import LiveNode, LiveVMI
    from reconciler.model.quantity import MemoryQuantity

CPU_VENDOR = "cpu-vendor.node.kubevirt.io/"
_NOTHING = NodeUse()


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """The free memory and huge pages of a node, in bytes."""

    memory: int | None
    """The node's free memory in bytes; None if its allocatable memory is not known."""
    hugepages: int
    """The free huge pages of the requested page size, in bytes."""

    def holds(self, pod: TargetPod) -> bool:
        """Return whether a pod fits into the node's free memory and huge pages."""
        enough = self.memory is None or pod.request <= self.memory
        return enough and pod.hugepages <= self.hugepages


def pod_for(
    capacity: Capacity | None, rendering: Rendering, vmi: LiveVMI, target: MemoryQuantity
) -> TargetPod:
    """Return the target pod of a VM instance whose guest size changes."""
    launchers = capacity.launchers.get(vmi.uid, ()) if capacity else ()
    current = next((each for each in launchers if each.node == vmi.node), None)
    return target_pod(vmi, target, rendering, current)


def eligible_nodes(
    vmi: LiveVMI, nodes: Iterable[LiveNode], *, same_cpu_vendor: bool
) -> tuple[LiveNode, ...]:
    """Return the nodes to which a VM instance may migrate, regardless of their free capacity.

    With *same_cpu_vendor*, the target node needs the CPU vendor of the source node.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migration.go:889-1005.
    """
    found = tuple(nodes)
    source = next((each for each in found if each.name == vmi.node), None)
    wanted = [
        (key, text) for key, text in vmi.node_selector.items() if not key.startswith(UNREAD_LABELS)
    ]
    if source is not None and same_cpu_vendor:
        wanted += [each for each in source.labels.items() if each[0].startswith(CPU_VENDOR)]
    others = [each for each in found if each.schedulable and each.name != vmi.node]
    for key, text in wanted:
        others = [each for each in others if each.labels.get(key) == text]
    return tuple(others)


def free(node: LiveNode, capacity: Capacity, page_size: str, *, settled: bool = False) -> Free:
    """Return a node's free memory, and its free huge pages of one page size.

    With *settled*, the pods of migrating VMs do not count: the result is the most that can be
    free once those migrations have ended.
    """
    use = capacity.nodes.get(node.name, _NOTHING)
    memory = use.requested.memory - (use.moving.memory if settled else 0)
    huge = use.requested.hugepages.get(page_size, 0)
    huge -= use.moving.hugepages.get(page_size, 0) if settled else 0
    pages = node.hugepages.get(page_size)
    return Free(
        memory=node.allocatable.n_bytes - memory if node.allocatable else None,
        hugepages=(pages.n_bytes if pages else 0) - huge,
    )


def quota_usage(pod: TargetPod) -> dict[str, int]:
    """Return the amount of each resource in a quota that a pod uses."""
    counted = {"requests.memory": pod.request, "memory": pod.request}
    if pod.limit is not None:
        counted["limits.memory"] = pod.limit
    return {**counted, "pods": 1, "count/pods": 1}


def exceeded(quota: Quota, pod: TargetPod, *, settled: bool = False) -> Iterator[str]:
    """Yield each quota resource whose remaining amount is too small for a pod.

    Source: kubernetes v1.36 plugin/pkg/admission/resourcequota/controller.go.
    """
    for resource, needed in quota_usage(pod).items():
        if resource not in quota.hard:
            continue
        used = quota.used.get(resource, 0)
        used -= quota.moving.get(resource, 0) if settled else 0
        if used + needed > quota.hard[resource]:
            yield resource
