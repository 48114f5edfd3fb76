"""Checks whether a node and the quotas have capacity for a second pod during a migration.

A change waits if running migrations will release the missing capacity; otherwise it is blocked.
Other changes in the same plan do not count here; ``capacity_warnings`` adds them up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.model.quantity import MIB, canonical
from reconciler.plan.capacity.fit import (
    exceeded,
    free,
    pod_for,
    pod_in_flight,
    quota_usage,
    raised_by_harvester,
)
from reconciler.plan.capacity.node_filters import eligible_nodes, node_filters
from reconciler.plan.finding import Finding, blocked, waits_for_capacity
from reconciler.plan.vm.rules.target_pod.aaq_capacity import aware_quota_has_capacity
from reconciler.plan.vm.rules.target_pod.limit_range_capacity import limit_range_allows

if TYPE_CHECKING:
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveNode
    from reconciler.plan.behaviour.target_pod import TargetPod
    from reconciler.plan.vm.rules.vm_inputs import RunningRule, RunningVM

RAISE_QUOTA = (
    "raise the ResourceQuota; during a migration, it must allow both the old and the new pod"
)


def node_has_capacity(running: RunningVM) -> Finding | None:
    """Block or delay a change unless another node has capacity for the target pod.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migration.go:889-1005; observed
    (scenario target-unschedulable): the migration stays Scheduling, until its pod is removed
    after 300 s.
    """
    capacity = running.capacity
    if capacity is None or not capacity.pods_known or not running.nodes:
        return None
    pod = pod_for(capacity, running.rendering, running.vmi, running.target)
    nodes = _eligible(running)
    if not nodes:
        return no_eligible_node(running)
    if _held(nodes, capacity, pod):
        return None
    needs = _lacking(nodes, capacity, pod)
    if _held(nodes, capacity, pod, settled=True):
        return waits_for_capacity(needs)
    return blocked(
        Reason.NO_NODE_WITH_ROOM,
        needs,
        "free memory on another node, add a node, or choose a smaller size; during the "
        "migration, the old pod still uses its memory",
    )


def no_node_in_flight(running: RunningVM) -> Finding | None:
    """Block a change in progress if no other node will have capacity for its target pod.

    Source: as for ``node_has_capacity``; KubeVirt deletes an unschedulable pod after 300 s
    and creates a new one.
    """
    capacity = running.capacity
    pod = pod_in_flight(capacity, running.rendering, running.vmi)
    if capacity is None or not capacity.pods_known or pod is None:
        return None
    nodes = _eligible(running)
    if not nodes or _held(nodes, capacity, pod, settled=True):
        return None
    return blocked(
        Reason.NO_NODE_WITH_ROOM,
        _lacking(nodes, capacity, pod, "the target pod of the unfinished change"),
        "free memory on another node, or add a node",
    )


def quota_has_capacity(running: RunningVM) -> Finding | None:
    """Block or delay a change unless every quota of the namespace allows both pods.

    This rule checks requests and limits of memory and CPUs, huge pages, devices and the number of
    pods, also for quotas that select a priority class. Other resources are not checked. A memory
    limit that KubeVirt sets by itself is checked only if its ratio is the default.

    For a migration, Harvester temporarily raises the quota that Rancher manages by the limits that
    the VM instance sets, so these limits are not checked in this quota.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migration.go:766-772; observed
    (scenario quota-holds-one-pod): the migration stays Pending, without a time-out.
    """
    capacity = running.capacity
    if capacity is None or not capacity.quotas_known:
        return None
    pod = pod_for(capacity, running.rendering, running.vmi, running.target)
    if (rejected := _rejected(running, capacity, pod)) is None:
        return None
    if _rejected(running, capacity, pod, settled=True) is None:
        return waits_for_capacity(rejected)
    return blocked(Reason.QUOTA_WOULD_REFUSE, rejected, RAISE_QUOTA)


def no_quota_in_flight(running: RunningVM) -> Finding | None:
    """Block a change in progress if a quota will reject its target pod.

    Source: as for ``quota_has_capacity``.
    """
    capacity = running.capacity
    pod = pod_in_flight(capacity, running.rendering, running.vmi)
    if capacity is None or not (capacity.quotas_known and capacity.pods_known) or pod is None:
        return None
    if len(capacity.launchers.get(running.vmi.uid, ())) > 1:
        return None
    rejected = _rejected(running, capacity, pod, settled=True)
    return blocked(Reason.QUOTA_WOULD_REFUSE, rejected, RAISE_QUOTA) if rejected else None


def no_eligible_node(running: RunningVM) -> Finding | None:
    """Block a change if the VM cannot migrate to any other node, even to an empty one.

    The message names the constraint that excludes the last remaining node, and the constraints
    that were applied before it.

    Source: as for ``node_filters``.
    """
    nodes = running.nodes
    left = [each for each in nodes if each.schedulable and each.name != running.vmi.node]
    if not nodes:
        return None
    before: list[str] = []
    for each in node_filters(
        running.vmi, nodes, same_cpu_vendor=_same_vendor(running), peers=running.peers
    ):
        passed = [node for node in left if each.admits(node)]
        if not passed:
            needs = " and ".join((each.needs, *reversed(before)))
            return blocked(
                Reason.NO_NODE_WITH_ROOM,
                f"apart from {running.vmi.node}, no node that can run VMs has {needs}",
                each.hint,
            )
        if len(passed) < len(left):
            before.append(each.needs)
        left = passed
    return None


def _same_vendor(running: RunningVM) -> bool:
    return running.after.capabilities.same_cpu_vendor


def _eligible(running: RunningVM) -> tuple[LiveNode, ...]:
    return eligible_nodes(
        running.vmi, running.nodes, same_cpu_vendor=_same_vendor(running), peers=running.peers
    )


def _held(
    nodes: tuple[LiveNode, ...], capacity: Capacity, pod: TargetPod, *, settled: bool = False
) -> bool:
    """Return whether a node has capacity for the target pod, now or after running migrations."""
    return any(free(each, capacity, pod.page_size, settled=settled).holds(pod) for each in nodes)


def _shown(name: str, amount: int) -> str:
    """Format an amount of a resource, such as ``1.5 CPUs`` or ``2 nvidia.com/gpu``."""
    return f"{amount / 1000:g} CPUs" if name == "cpu" else f"{amount} {name}"


def _need(pod: TargetPod) -> str:
    huge = f" and {canonical(pod.hugepages)} of {pod.page_size} pages" if pod.hugepages else ""
    return _up(pod.request) + huge


def _lacking(
    nodes: tuple[LiveNode, ...],
    capacity: Capacity,
    pod: TargetPod,
    subject: str = "the target pod",
) -> str:
    """Describe the resource of which no node has enough, and the node that has the most."""
    for name, needed in pod.others.items():
        one = replace(pod, request=0, hugepages=0, others={name: needed})
        enough = tuple(each for each in nodes if free(each, capacity, "").holds(one))
        if not enough:
            most = max(nodes, key=lambda node: free(node, capacity, "").others.get(name, 0))
            left = max(0, free(most, capacity, "").others.get(name, 0))
            return (
                f"{subject} requests {_shown(name, needed)}, but no other node has this amount "
                f"free; {most.name} has the most: {_shown(name, left)}"
            )
        nodes = enough
    return f"{subject} requests {_need(pod)}, and {_most(nodes, capacity, pod)}"


def _most(nodes: tuple[LiveNode, ...], capacity: Capacity, pod: TargetPod) -> str:
    """Describe the node with the most free memory: its name and its free memory."""
    best = max(nodes, key=lambda node: _left(node, capacity, pod))
    left = free(best, capacity, pod.page_size)
    memory, pages = left.memory or 0, max(0, left.hugepages)
    huge = f" and {canonical(pages)} of {pod.page_size} pages" if pod.hugepages else ""
    return (
        f"no other node has this amount of memory free; {best.name} has the most: "
        f"{_down(memory)}{huge}"
    )


def _left(node: LiveNode, capacity: Capacity, pod: TargetPod) -> tuple[int, int]:
    left = free(node, capacity, pod.page_size)
    return (left.hugepages if pod.hugepages else 0, left.memory or 0)


def _rejected(
    running: RunningVM, capacity: Capacity, pod: TargetPod, *, settled: bool = False
) -> str | None:
    """Describe a quota that rejects the target pod; return None if no quota rejects the pod.

    With *settled*, the pods of migrating VMs do not count.
    """
    namespace = running.vm.ref.namespace
    for quota in capacity.quotas.get(namespace, ()):
        for resource in exceeded(quota, pod, settled=settled):
            if running.harvester and raised_by_harvester(quota, resource, running.vmi):
                continue
            hard, used = quota.hard[resource], quota.used.get(resource, 0)
            amounts, needed = f"{used} of {hard} {resource} are in use", ""
            if "cpu" in resource:
                amounts = f"{used / 1000:g} of {hard / 1000:g} {resource} are in use"
                needed = f", and the pod needs {quota_usage(pod)[resource] / 1000:g}"
            elif resource not in ("pods", "count/pods") and "/" not in resource:
                amounts = f"{_up(used)} of {_down(hard)} {resource} are in use"
                needed = f", and the pod needs {_up(quota_usage(pod)[resource])}"
            what = f"the ResourceQuota {quota.name} of the namespace {namespace}"
            return f"{what} rejects the target pod: {amounts}{needed}"
    return None


def _up(n_bytes: int) -> str:
    return f"{-(-n_bytes // MIB)}Mi"


def _down(n_bytes: int) -> str:
    return f"{max(0, n_bytes) // MIB}Mi"


CAPACITY: tuple[RunningRule, ...] = (
    node_has_capacity,
    quota_has_capacity,
    limit_range_allows,
    aware_quota_has_capacity,
)
