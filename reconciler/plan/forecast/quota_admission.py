"""``QuotaAdmission``: forecasts which target pods the quotas of a namespace allow at one time.

ResourceQuotas and the quotas of Application-Aware Quota count, as they are when the plan is made.
The free memory of nodes does not count, and neither does a LimitRange, which allows or rejects
each target pod by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import ObjectRef
from reconciler.plan.behaviour.target_pod import TargetPod, rendering_of
from reconciler.plan.capacity.fit import pod_for, pod_in_flight
from reconciler.plan.capacity.reservations import Reservations, grown_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveState, LiveVMI
    from reconciler.model.plan.plan import Decision

Pods: TypeAlias = dict[ObjectRef, tuple[MemoryQuantity, TargetPod]]
"""The target size and the target pod of each VM."""


class QuotaAdmission:
    """Tracks quotas in a forecast: a change reserves quota, and releases quota when it ends.

    Args:
        live: A snapshot; without quotas, every change is allowed.
        pods: The target size and the target pod of each VM that quotas can delay.
        started: The target size and the computed target pod of each VM whose change has started,
            if the target pod does not exist yet.
    """

    def __init__(self, live: LiveState, pods: Pods, started: Pods) -> None:
        self._reservations, self._live = Reservations(live), live
        self._pods, self._started = pods, started
        self._ended: set[ObjectRef] = set()
        self._admitted = {
            ref for ref, found in started.items() if self._reservations.admit(ref, *found)
        }

    def admits(self, ref: ObjectRef) -> bool:
        """Reserve quota for a VM's target pod; return False if a quota has too little left."""
        found = self._pods.get(ref)
        if found is None:
            return True
        if not self._reservations.admit(ref, *found):
            return False
        self._admitted.add(ref)
        return True

    def end(self, ref: ObjectRef) -> None:
        """Release the quota of a VM's old pod, if the quotas count a target pod; once per VM.

        Without a reserved target pod, nothing is released, because that pod needs the quota.
        """
        if ref not in self._ended and self._has_target_pod(ref):
            self._ended.add(ref)
            self._reservations.settle(ref)

    def _has_target_pod(self, ref: ObjectRef) -> bool:
        if ref in self._pods or ref in self._started:
            return ref in self._admitted
        vmi, capacity = self._live.vmis.get(ref), self._live.capacity
        return bool(vmi and capacity and has_two_pods(vmi, capacity))


def admissions(
    migrating: Iterable[Decision], live: LiveState
) -> tuple[bool, Callable[[], QuotaAdmission] | None]:
    """Return whether quotas apply to any migration, and a function that creates a QuotaAdmission.

    The function is None if the quotas allow all migrations at one time.
    """
    capacity = live.capacity
    if capacity is None:
        return False, None
    limited = {*capacity.quotas, *capacity.aware.by_namespace}
    pods = _pods(migrating, live, capacity, limited)
    if not pods:
        return False, None
    started = _started(live, capacity, {ref.namespace for ref in pods})
    together = QuotaAdmission(live, pods, started)
    short = _sharing({ref.namespace for ref in pods if not together.admits(ref)}, capacity)
    waiting = {ref: found for ref, found in pods.items() if ref.namespace in short}
    return True, (lambda: QuotaAdmission(live, waiting, started)) if waiting else None


def _sharing(namespaces: set[str], capacity: Capacity) -> set[str]:
    """If a given namespace has a cluster-wide quota, add all namespaces with such a quota."""
    shared = {
        namespace
        for namespace, quotas in capacity.aware.by_namespace.items()
        if any(each.cluster_wide for each in quotas)
    }
    return namespaces if namespaces.isdisjoint(shared) else namespaces | shared


def _pods(
    migrating: Iterable[Decision], live: LiveState, capacity: Capacity, namespaces: set[str]
) -> Pods:
    rendering, found = rendering_of(live.kubevirt), Pods()
    for each in migrating:
        size, vmi = grown_to(each, live), live.vmis.get(each.ref)
        if size is not None and vmi is not None and each.ref.namespace in namespaces:
            found[each.ref] = (size, pod_for(capacity, rendering, vmi, size))
    return found


def _started(live: LiveState, capacity: Capacity, namespaces: set[str]) -> Pods:
    rendering, found = rendering_of(live.kubevirt), Pods()
    for ref, vmi in live.vmis.items():
        if ref.namespace not in namespaces or not vmi.memory_changes:
            continue
        pod = pod_in_flight(capacity, rendering, vmi)
        if vmi.guest is not None and pod is not None and not has_two_pods(vmi, capacity):
            found[ref] = (vmi.guest, pod)
    return found


def has_two_pods(vmi: LiveVMI, capacity: Capacity) -> bool:
    """Return whether the pods in a snapshot include the target pod of a VM's migration."""
    return len(capacity.launchers.get(vmi.uid, ())) > 1
