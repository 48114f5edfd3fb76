"""Computes what a change needs in the quotas of Application-Aware Quota (AAQ): ``growth``.

Source: kubevirt/application-aware-quota v1.8.0; that GuestEffectiveResources counts in the keys of
VirtualResources is inferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.live.aware_quota import MEMORY_KEY, Calculator
from reconciler.model.live.capacity import quota_amounts
from reconciler.plan.capacity.fit import quota_usage

if TYPE_CHECKING:
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveVMI
    from reconciler.model.quantity import MemoryQuantity
    from reconciler.plan.behaviour.target_pod import TargetPod


def growth(
    capacity: Capacity, vmi: LiveVMI, target: MemoryQuantity, pod: TargetPod
) -> dict[str, int]:
    """Return how much of each resource a change needs in the quotas of AAQ."""
    calculator = capacity.aware.calculator
    if calculator == Calculator.IGNORED:
        return {}
    if calculator == Calculator.POD_USAGE:
        pods = capacity.launchers.get(vmi.uid, ())
        source = next((each for each in pods if each.node == vmi.node), None)
        if source is None:
            return {}
        before = quota_amounts(source.requests, source.limit, source.cpu_limit)
        after = quota_usage(pod)
        grown = {name: amount - before.get(name, 0) for name, amount in after.items()}
        return {name: amount for name, amount in grown.items() if amount > 0}
    current = vmi.guest_requested or vmi.guest_current or vmi.guest
    more = target.n_bytes - current.n_bytes if current else target.n_bytes
    if more <= 0:
        return {}
    if calculator == Calculator.DEDICATED:
        return {MEMORY_KEY: more}
    return {"requests.memory": more, "memory": more, "limits.memory": more}
