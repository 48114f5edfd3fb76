"""Checks whether Application-Aware Quota (AAQ) will delay the target pod of a migration.

AAQ does not reject a pod. It adds a scheduling gate and removes the gate once the quotas have
capacity. During a migration, AAQ counts only the difference between the target and the source, so
the growth of the VM must fit, and a smaller size always fits. For exceptions, see the module
``aware_growth``.

Source: kubevirt/application-aware-quota v1.8.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.live.aware_quota import GATE
from reconciler.model.plan.plan import Reason
from reconciler.model.quantity import MIB
from reconciler.plan.capacity.aware_growth import growth
from reconciler.plan.capacity.fit import pod_for, pod_in_flight
from reconciler.plan.finding import Finding, blocked, waits_for_capacity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.live.capacity import Capacity, Launcher
    from reconciler.plan.behaviour.target_pod import TargetPod
    from reconciler.plan.vm.rules.vm_inputs import RunningVM

_HINT = "raise this quota until it allows this change"
_CONTINUES = "the migration then continues by itself"
GATED_S = 60.0
"""The age in seconds from which a pod with the scheduling gate counts as held.

Each new pod has the gate until AAQ's controller has counted the pod. Source: assumed.
"""


def aware_quota_has_capacity(running: RunningVM) -> Finding | None:
    """Block or delay a change if an Application-Aware Quota (AAQ) has too little left for it."""
    capacity = running.capacity
    namespace = running.vm.ref.namespace
    if capacity is None or not capacity.aware.by_namespace.get(namespace):
        return None
    pod = pod_for(capacity, running.rendering, running.vmi, running.target)
    grown = growth(capacity, running.vmi, running.target, pod)
    if not (full := _full(capacity, namespace, pod, grown)):
        return None
    held = (
        "Application-Aware Quota would prevent the scheduling of the target pod in the namespace "
        f"{namespace}: {full}"
    )
    if not _full(capacity, namespace, pod, grown, settled=True):
        return waits_for_capacity(held)
    return blocked(Reason.AAQ_WOULD_HOLD, held, _HINT)


def gate_in_flight(running: RunningVM) -> Finding | None:
    """Block a change in progress if Application-Aware Quota gates the scheduling of its pod.

    A change is not blocked if running migrations will release enough of the quotas.
    If every quota has enough left, AAQ's controller probably does not run; this is an inference.
    """
    capacity = running.capacity
    pods = capacity.launchers.get(running.vmi.uid, ()) if capacity else ()
    if capacity is None or not any(_is_held(each, capacity) for each in pods):
        return None
    namespace = running.vm.ref.namespace
    size = running.vmi.guest
    pod = pod_in_flight(capacity, running.rendering, running.vmi)
    grown = growth(capacity, running.vmi, size, pod) if size and pod else {}
    held = (
        "Application-Aware Quota prevents the scheduling of the target pod in the namespace "
        f"{namespace}"
    )
    if pod and (full := _full(capacity, namespace, pod, grown)):
        if not _full(capacity, namespace, pod, grown, settled=True):
            return None
        return blocked(Reason.AAQ_HOLDS, f"{held}: {full}", f"{_HINT}; {_CONTINUES}")
    if not capacity.aware.by_namespace.get(namespace):
        return blocked(
            Reason.AAQ_HOLDS,
            f"{held}: the pod has the scheduling gate {GATE}, but the snapshot contains no "
            "quota of Application-Aware Quota for this namespace",
            "check the quotas of Application-Aware Quota and the pods of the deployment "
            f"aaq-controller; {_CONTINUES}",
        )
    return blocked(
        Reason.AAQ_HOLDS,
        f"{held}: the pod has the scheduling gate {GATE}, although every quota has enough left; "
        "the aaq-controller is probably not running",
        f"check the pods of the deployment aaq-controller; {_CONTINUES}",
    )


def _is_held(pod: Launcher, capacity: Capacity) -> bool:
    if GATE not in pod.gates:
        return False
    if pod.created_at is None:
        return True
    return (capacity.observed_at - pod.created_at).total_seconds() >= GATED_S


def _full(
    capacity: Capacity,
    namespace: str,
    pod: TargetPod,
    grown: Mapping[str, int],
    *,
    settled: bool = False,
) -> str:
    """Describe the first quota with too little left, or return an empty string.

    With *settled*, all resources that running migrations can release count as released.
    """
    for quota in capacity.aware.by_namespace.get(namespace, ()):
        if not quota.counts(pod.priority_class):
            continue
        for resource, more in grown.items():
            used, hard = quota.used.get(resource, 0), quota.hard.get(resource)
            used -= quota.moving.get(resource, 0) if settled else 0
            if hard is not None and used + more > hard:
                return (
                    f"{_shown(resource, used)} of {_shown(resource, hard)} {resource} in the "
                    f"quota {quota.name} are in use, and the change needs "
                    f"{_shown(resource, more)} more"
                )
    return ""


def _shown(resource: str, amount: int) -> str:
    return f"{-(-amount // MIB)}Mi" if "memory" in resource else str(amount)
