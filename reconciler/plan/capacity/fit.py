"""Decides which nodes and quotas have the capacity for a migration's target pod.

A node has capacity if enough memory, huge pages, CPUs, pods and devices are left. The scheduler
might still reject a node that passes these checks, for example because of its CPU model, but never
accepts a node that fails one. The module ``node_filters`` examines other constraints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.model.live.capacity import Capacity, NodeUse, ResourceUse, quota_amounts
from reconciler.plan.behaviour.target_pod import Rendering, TargetPod, target_pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.live.capacity import Quota
    from reconciler.model.live.live_state import LiveNode, LiveVMI
    from reconciler.model.quantity import MemoryQuantity

_NOTHING = NodeUse()


def raised_by_harvester(quota: Quota, resource: str, vmi: LiveVMI) -> bool:
    """Return whether Harvester raises a resource of a quota for a migration of a VM instance.

    Harvester raises only the quota with Rancher's label, by the limits of memory and CPUs that the
    VM instance itself sets. A limit that KubeVirt or a LimitRange sets on the launcher pod raises
    nothing.

    Source: harvester pkg/controller/master/migration/vmim_controller.go and
    pkg/util/resourcequota (CalculateScaleResourceQuotaWithVMI; after v1.5).
    """
    limits = vmi.constraints.limits
    raised = {
        "limits.memory": limits is not None and limits.n_bytes > 0,
        "limits.cpu": vmi.constraints.cpu_limited,
    }
    return quota.managed_by_rancher and raised.get(resource, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """The free resources of a node."""

    memory: int | None
    """The node's free memory in bytes; None if its allocatable memory is not known."""
    hugepages: int
    """The free huge pages of the requested page size, in bytes."""
    others: Mapping[str, int] = field(default_factory=dict)
    """Free CPUs (in millicores), pods and devices; unknown amounts are omitted."""

    def holds(self, pod: TargetPod) -> bool:
        """Return whether a pod fits into the free resources of the node."""
        enough = self.memory is None or pod.request <= self.memory
        return enough and pod.hugepages <= self.hugepages and not self.lacks(pod)

    def lacks(self, pod: TargetPod) -> str:
        """Return the first resource of which the node has too little, or an empty string.

        Memory and huge pages are not checked.
        """
        for name, needed in pod.others.items():
            unknown = needed if name in ("cpu", "pods") else 0
            if self.others.get(name, unknown) < needed:
                return name
        return ""


def pod_for(
    capacity: Capacity | None, rendering: Rendering, vmi: LiveVMI, target: MemoryQuantity
) -> TargetPod:
    """Return the migration target pod of a VM instance whose guest memory changes."""
    launchers = capacity.launchers.get(vmi.uid, ()) if capacity else ()
    current = next((each for each in launchers if each.node == vmi.node), None)
    return target_pod(vmi, target, rendering, current)


def pod_in_flight(
    capacity: Capacity | None, rendering: Rendering, vmi: LiveVMI
) -> TargetPod | None:
    """Return the target pod of the memory change in progress; None if the size is unknown.

    The instance already has the requests of the new size, but its current pod has those of the old
    size. Therefore, the memory is computed only from the instance. CPUs and devices, such as those
    that KubeVirt requests for an SR-IOV network, come from the current pod.
    """
    size = vmi.guest
    if size is None:
        return None
    found = target_pod(replace(vmi, guest_current=size), size, rendering, None)
    pods = capacity.launchers.get(vmi.uid, ()) if capacity else ()
    source = next((each for each in pods if each.node == vmi.node), None)
    if source is None:
        return found
    return replace(
        found,
        others={**source.requests.others, "pods": 1},
        cpu_limit=source.cpu_limit,
        priority_class=source.priority_class,
    )


def growth_of(capacity: Capacity, vmi: LiveVMI, larger: TargetPod) -> TargetPod | None:
    """Return the additional resources that a launcher pod needs to grow in place.

    The result contains only memory, and is None if the launcher pod is not known. A pod that was
    already resized in place needs no additional memory.
    """
    pods = capacity.launchers.get(vmi.uid, ())
    pod = next((each for each in pods if each.node == vmi.node), None)
    if pod is None:
        return None
    return TargetPod(
        request=max(0, larger.request - pod.requests.memory),
        limit=max(0, larger.limit - pod.limit) if larger.limit is not None else None,
        priority_class=pod.priority_class,
        others={},
    )


def free(node: LiveNode, capacity: Capacity, page_size: str, *, settled: bool = False) -> Free:
    """Return a node's free resources, with its free huge pages of one page size.

    With *settled*, the pods of migrating VMs do not count, so the result is the maximum that can
    be free after their migrations.
    """
    use = capacity.nodes.get(node.name, _NOTHING)
    memory = use.requested.memory - (use.moving.memory if settled else 0)
    huge = use.requested.hugepages.get(page_size, 0)
    huge -= use.moving.hugepages.get(page_size, 0) if settled else 0
    pages = node.hugepages.get(page_size)
    taken, back = use.requested.others, use.moving.others if settled else {}
    return Free(
        others={n: has - taken.get(n, 0) + back.get(n, 0) for n, has in node.others.items()},
        memory=node.allocatable.n_bytes - memory if node.allocatable else None,
        hugepages=(pages.n_bytes if pages else 0) - huge,
    )


def quota_usage(pod: TargetPod) -> dict[str, int]:
    """Return the amount of each quota resource that a pod, or a pod's growth, uses."""
    pages = {pod.page_size: pod.hugepages} if pod.hugepages else {}
    requests = ResourceUse(memory=pod.request, hugepages=pages, others=pod.others)
    amounts = quota_amounts(requests, pod.limit, pod.cpu_limit)
    if "pods" in pod.others:
        return amounts
    return {name: n for name, n in amounts.items() if name not in ("pods", "count/pods")}


def exceeded(quota: Quota, pod: TargetPod, *, settled: bool = False) -> Iterator[str]:
    """Yield each quota resource whose remaining amount is too small for a pod.

    With *settled*, all resources that running migrations can release count as released.

    Source: kubernetes v1.36 plugin/pkg/admission/resourcequota/controller.go.
    """
    if not quota.counts(pod.priority_class):
        return
    for resource, needed in quota_usage(pod).items():
        if resource not in quota.hard:
            continue
        used = quota.used.get(resource, 0)
        used -= quota.moving.get(resource, 0) if settled else 0
        if used + needed > quota.hard[resource]:
            yield resource
