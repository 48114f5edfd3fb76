"""Checks whether memory can grow in the running launcher pod, without a migration.

No KubeVirt release does this yet; Deckhouse's fork of KubeVirt does. The rules are inferred from
VEP 45 (kubevirt/enhancements PR 46): virt-controller resizes the running pod, and then
virt-handler hotplugs the memory. No second pod starts, so the VM needs no other node and need not
be migratable, and only the growth counts towards quotas.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.live.conditions import is_true
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.quantity import MIB
from reconciler.plan.capacity.fit import (
    exceeded,
    free,
    growth_of,
    pod_for,
    pod_in_flight,
    quota_usage,
)
from reconciler.plan.finding import Finding, blocked, wait
from reconciler.plan.vm.rules.target_pod.limit_range_capacity import limit_range_allows

if TYPE_CHECKING:
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.quantity import MemoryQuantity
    from reconciler.plan.behaviour.target_pod import TargetPod
    from reconciler.plan.vm.rules.vm_inputs import RunningRule, RunningVM

RESIZE_IN_PROGRESS = "PodResourceResizeInProgress"
"""The VMI condition that is true while Kubernetes resizes the launcher pod."""
INFEASIBLE = "ResizeInfeasible"
"""The VMI condition that is true if the node can never hold the larger pod."""
_RAISE = "raise the ResourceQuota until it allows this change"


def grows_in_place(running: RunningVM) -> bool:
    """Return whether a VM instance grows to the target size in its running launcher pod.

    A smaller size, huge pages and dedicated CPUs need a migration.

    Source: inferred from VEP 45, sections Decision Tree and Non Goals.
    """
    return _in_place(running, running.vmi.guest, running.target)


def growth_in_flight(running: RunningVM) -> bool:
    """Return whether the memory change in progress is an in-place resize, without a migration.

    Source: inferred from VEP 45, section VMI Conditions.
    """
    if is_true(running.vmi.conditions, RESIZE_IN_PROGRESS):
        return True
    size = running.vmi.guest
    return size is not None and _in_place(running, running.vmi.guest_requested, size)


def _in_place(running: RunningVM, has: MemoryQuantity | None, target: MemoryQuantity) -> bool:
    constraints = running.vmi.constraints
    return (
        bool(running.after.capabilities.in_place_gate)
        and has is not None
        and target.n_bytes > has.n_bytes
        and not constraints.dedicated_cpus
        and not constraints.hugepages
    )


def found(running: RunningVM) -> Finding:
    """Return the planning result for a VM whose memory grows in place, without a migration."""
    return Finding.of(
        Effect.LIVE,
        Reason.IN_PLACE,
        f"grows from {running.vmi.guest} to {running.target} in its launcher pod, without a "
        f"migration (inferred from the feature gate {running.after.capabilities.in_place_gate})",
    )


def own_node_has_capacity(running: RunningVM) -> Finding | None:
    """Block an in-place resize if the VM's node has too little free memory for the growth.

    KubeVirt does not migrate such a VM by itself.

    Source: inferred from VEP 45, section Infeasible Resize.
    """
    capacity = running.capacity
    node = next((each for each in running.nodes if each.name == running.vmi.node), None)
    if capacity is None or not capacity.pods_known or node is None:
        return None
    grown = _growth(running, capacity)
    left = free(node, capacity, "")
    if grown is None or left.holds(grown):
        return None
    return blocked(
        Reason.NO_NODE_WITH_ROOM,
        f"the launcher pod needs {_shown(grown.request)} more memory, but its node {node.name} "
        f"has only {_shown(max(0, left.memory or 0))} left",
        "free memory on this node, choose a smaller size, or migrate the VM to a larger node",
    )


def quota_has_capacity(running: RunningVM) -> Finding | None:
    """Block an in-place resize if a quota of the namespace has too little left for the growth.

    Source: inferred from VEP 45, section API Examples.
    """
    capacity = running.capacity
    if capacity is None or not capacity.quotas_known:
        return None
    refused = _refused(running, capacity, _growth(running, capacity))
    return blocked(Reason.QUOTA_WOULD_REFUSE, refused, _RAISE) if refused else None


def _refused(running: RunningVM, capacity: Capacity, grown: TargetPod | None) -> str:
    """Return why a quota rejects the growth of the launcher pod, or an empty string."""
    if grown is None or not capacity.quotas_known:
        return ""
    for quota in capacity.quotas.get(running.vm.ref.namespace, ()):
        for resource in exceeded(quota, grown):
            more = quota_usage(grown)[resource]
            return (
                f"the quota {quota.name} rejects the larger launcher pod: "
                f"{_shown(quota.used.get(resource, 0))} of {_shown(quota.hard[resource])} "
                f"{resource} are in use, and the change needs {_shown(more)} more"
            )
    return ""


def resizing(running: RunningVM) -> Finding | None:
    """Report the progress of the in-place resize of a VM's launcher pod.

    Source: inferred from VEP 45, sections VMI Conditions and Infeasible Resize.
    """
    if is_true(running.vmi.conditions, INFEASIBLE):
        return blocked(
            Reason.NO_NODE_WITH_ROOM,
            f"the node {running.vmi.node} does not have enough memory to grow the launcher pod "
            f"for {running.target}",
            "set the old size again, or migrate the VM to a node with more memory",
        )
    if is_true(running.vmi.conditions, RESIZE_IN_PROGRESS):
        return wait(Reason.IN_FLIGHT, f"the launcher pod is growing for {running.target}")
    if running.vmi.memory_changes and growth_in_flight(running):
        return _unconfirmed(running)
    return None


def _unconfirmed(running: RunningVM) -> Finding:
    """Report a resize for which the VM instance shows no condition yet, or none any more."""
    if (capacity := running.capacity) is None or (missing := _missing(running, capacity)) is None:
        return wait(Reason.IN_FLIGHT, f"KubeVirt is growing the launcher pod for {running.target}")
    if not missing.request:
        return wait(
            Reason.IN_FLIGHT, f"the launcher pod has grown; {running.target} is being hotplugged"
        )
    why = f"the launcher pod has not been resized for {running.target} yet"
    if refused := _refused(running, capacity, missing):
        return wait(Reason.IN_FLIGHT, f"{why}: {refused}", _RAISE)
    return wait(Reason.IN_FLIGHT, why)


def _missing(running: RunningVM, capacity: Capacity) -> TargetPod | None:
    """Return what the launcher pod lacks for the change in progress; None if it is not known.

    The computed overhead can differ from that of the pod. Therefore, a pod that lacks less than
    half of the guest's growth counts as resized, and a pod never lacks more than this growth.
    """
    larger = pod_in_flight(capacity, running.rendering, running.vmi)
    has, size = running.vmi.guest_requested, running.vmi.guest
    missing = growth_of(capacity, running.vmi, larger) if larger else None
    if missing is None or has is None or size is None:
        return None
    growth = size.n_bytes - has.n_bytes
    if 2 * missing.request < growth:
        return replace(missing, request=0, limit=None)
    return replace(missing, request=min(missing.request, growth))


def _growth(running: RunningVM, capacity: Capacity) -> TargetPod | None:
    """Return the additional resources for a pod's in-place resize; None if the pod is unknown."""
    larger = pod_for(capacity, running.rendering, running.vmi, running.target)
    return growth_of(capacity, running.vmi, larger)


def _shown(n_bytes: int) -> str:
    return f"{-(-n_bytes // MIB)}Mi"


CAPACITY: tuple[RunningRule, ...] = (
    own_node_has_capacity,
    quota_has_capacity,
    limit_range_allows,
)
"""The rules that check the node, the quotas and the LimitRanges for an in-place resize."""
