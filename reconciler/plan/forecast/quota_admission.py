"""``QuotaAdmission``: forecasts which target pods the quotas of a namespace allow at one time.

ResourceQuotas and the quotas of Application-Aware Quota count, as they are when the plan is made.
The free memory of nodes does not count, and neither does a LimitRange, which allows or rejects
each target pod by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.behaviour.target_pod import rendering_of
from reconciler.plan.capacity.fit import pod_for
from reconciler.plan.capacity.reservations import Reservations, grown_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision
    from reconciler.model.quantity import MemoryQuantity
    from reconciler.model.references import ObjectRef
    from reconciler.plan.behaviour.target_pod import TargetPod


class QuotaAdmission:
    """The quotas during one course of a rollout: changes reserve them, and release them again.

    Args:
        live: A snapshot; without quotas, every change is allowed.
        pods: The target size and the target pod of each VM that quotas can delay.
    """

    def __init__(
        self, live: LiveState, pods: dict[ObjectRef, tuple[MemoryQuantity, TargetPod]]
    ) -> None:
        self._reservations, self._live, self._pods = Reservations(live), live, pods
        self._ended: set[ObjectRef] = set()

    def admits(self, ref: ObjectRef) -> bool:
        """Reserve quotas for a VM's target pod; return False if a quota has too little left."""
        found = self._pods.get(ref)
        return found is None or self._reservations.admit(ref, *found)

    def end(self, ref: ObjectRef) -> None:
        """Release what the VM's old pod used, unless this was done or the VM has no other pod."""
        if ref not in self._ended and (ref in self._pods or self._migrates(ref)):
            self._ended.add(ref)
            self._reservations.settle(ref)

    def _migrates(self, ref: ObjectRef) -> bool:
        vmi, capacity = self._live.vmis.get(ref), self._live.capacity
        return bool(vmi and capacity and len(capacity.launchers.get(vmi.uid, ())) > 1)


def admissions(
    migrating: Iterable[Decision], live: LiveState
) -> tuple[bool, Callable[[], QuotaAdmission] | None]:
    """Return whether a migration's namespace has quotas, and what creates unused quotas.

    The second value is None if the quotas allow all migrations at one time.
    """
    capacity = live.capacity
    if capacity is None:
        return False, None
    limited = {*capacity.quotas, *capacity.aware.by_namespace}
    rendering = rendering_of(live.kubevirt)
    pods: dict[ObjectRef, tuple[MemoryQuantity, TargetPod]] = {}
    for each in migrating:
        size, vmi = grown_to(each, live), live.vmis.get(each.ref)
        if size is not None and vmi is not None and each.ref.namespace in limited:
            pods[each.ref] = (size, pod_for(capacity, rendering, vmi, size))
    together = Reservations(live)
    short = {ref.namespace for ref, found in pods.items() if not together.admit(ref, *found)}
    waiting = {ref: found for ref, found in pods.items() if ref.namespace in short}
    return bool(pods), (lambda: QuotaAdmission(live, waiting)) if waiting else None
