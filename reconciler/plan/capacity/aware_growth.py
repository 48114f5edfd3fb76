"""``growth``: computes how much of an Application-Aware Quota (AAQ) a memory change uses.

By default, AAQ counts only how much more a target pod uses than its source pod. The calculators
VmiPodUsage and GuestEffectiveResources compute both amounts from the target pod, so a migration
uses no quota. IgnoreVmiCalculator counts the target pod like any other pod.

Source: kubevirt/application-aware-quota v1.8.0; for the last three calculators, its directory
pkg/aaq-controller/built-in-usage-calculators, in a later version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.live.aware_quota import MEMORY_KEY, Calculator
from reconciler.plan.capacity.fit import quota_usage

if TYPE_CHECKING:
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveVMI
    from reconciler.model.quantity import MemoryQuantity
    from reconciler.plan.behaviour.target_pod import TargetPod


def counts_pods(capacity: Capacity) -> bool:
    """Return whether Application-Aware Quota counts both pods during a migration.

    If both pods count, the old pod counts until the migration ends, as in a ResourceQuota.
    """
    return capacity.aware.calculator == Calculator.IGNORED


def growth(
    capacity: Capacity, vmi: LiveVMI, target: MemoryQuantity, pod: TargetPod
) -> dict[str, int]:
    """Return the amount of each Application-Aware Quota resource that a memory change uses."""
    calculator = capacity.aware.calculator
    if counts_pods(capacity):
        return quota_usage(pod)
    if calculator in (Calculator.POD_USAGE, Calculator.EFFECTIVE):
        return {}
    current = vmi.guest_requested or vmi.guest_current or vmi.guest
    more = target.n_bytes - current.n_bytes if current else target.n_bytes
    if more <= 0:
        return {}
    if calculator == Calculator.DEDICATED:
        return {MEMORY_KEY: more}
    return {"requests.memory": more, "memory": more, "limits.memory": more}
