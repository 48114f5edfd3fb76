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
from reconciler.plan.capacity.fit import pod_for
from reconciler.plan.finding import Finding, blocked

if TYPE_CHECKING:
    from reconciler.plan.vm.rules.vm_inputs import RunningVM

_HINT = "raise the quota of Application-Aware Quota; it must allow the growth of the VM"


def aware_quota_has_capacity(running: RunningVM) -> Finding | None:
    """Block a change if an Application-Aware Quota (AAQ) has too little left for the growth."""
    capacity = running.capacity
    if capacity is None:
        return None
    namespace = running.vm.ref.namespace
    quotas = capacity.aware.by_namespace.get(namespace, ())
    if not quotas:
        return None
    pod = pod_for(capacity, running.rendering, running.vmi, running.target)
    grown = growth(capacity, running.vmi, running.target, pod)
    for quota in quotas:
        for resource, more in grown.items():
            used, hard = quota.used.get(resource, 0), quota.hard.get(resource)
            if hard is None or used + more <= hard:
                continue
            return blocked(
                Reason.AAQ_WOULD_HOLD,
                f"the quota {quota.name} of Application-Aware Quota holds the target pod in "
                f"namespace {namespace}: {_shown(resource, used)} of {_shown(resource, hard)} "
                f"{resource} are in use, and the change needs {_shown(resource, more)} more",
                _HINT,
            )
    return None


def gate_in_flight(running: RunningVM) -> Finding | None:
    """Block a change in progress if Application-Aware Quota gates the scheduling of its pod."""
    capacity = running.capacity
    pods = capacity.launchers.get(running.vmi.uid, ()) if capacity else ()
    if not any(GATE in each.gates for each in pods):
        return None
    return blocked(
        Reason.AAQ_WOULD_HOLD,
        f"the target pod in namespace {running.vm.ref.namespace} has the scheduling gate {GATE}, "
        "because a quota of Application-Aware Quota has too little left",
        _HINT,
    )


def _shown(resource: str, amount: int) -> str:
    return f"{-(-amount // MIB)}Mi" if "memory" in resource else str(amount)
