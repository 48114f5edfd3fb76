"""Checks whether a quota or LimitRange prevents the target pod of a change from starting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.live.conditions import is_true
from reconciler.model.live.live_migration import MigrationPhase
from reconciler.model.plan.plan import Reason
from reconciler.plan.finding import Finding, blocked
from reconciler.plan.vm.rules.target_pod.aaq_capacity import gate_in_flight
from reconciler.plan.vm.rules.target_pod.limit_range_capacity import limit_range_in_flight

if TYPE_CHECKING:
    from reconciler.plan.vm.rules.vm_inputs import RunningVM

QUOTA = "migrationRejectedByResourceQuota"
"""The condition of a migration whose target pod a quota rejects.

Source: observed on KubeVirt v1.9.0 (scenario quota-holds-one-pod).
"""

NO_POD_YET = (MigrationPhase.UNSET, MigrationPhase.PENDING)
"""The migration phases in which the target pod does not exist yet.

Source: observed on KubeVirt v1.9.0 (scenario quota-holds-one-pod): Pending until the quota admits
the target pod.
"""


def quota_refused(running: RunningVM) -> Finding | None:
    """Block a change if a quota rejects the target pod; KubeVirt would retry indefinitely.

    Source: observed on KubeVirt v1.9.0 (scenario quota-holds-one-pod).
    """
    migration = running.migration
    if migration is None or not is_true(migration.conditions, QUOTA):
        return None
    return blocked(
        Reason.QUOTA_REFUSED,
        f"a ResourceQuota of the namespace {running.vm.ref.namespace} rejects the target pod of "
        f"the migration {migration.ref.name}; during a migration, the quota must allow both the "
        "old and the new pod",
        "raise the ResourceQuota; the migration then continues by itself",
    )


def target_pod_held(running: RunningVM) -> Finding | None:
    """Block a change if its target pod is gated by a quota, or rejected by a LimitRange.

    Pods and quotas are examined only while the target pod of a change has no node yet.
    """
    migration = running.migration
    if migration is None or migration.phase.has_node or not running.vmi.memory_changes:
        return None
    gated = gate_in_flight(running)
    return gated or (limit_range_in_flight(running) if migration.phase in NO_POD_YET else None)
