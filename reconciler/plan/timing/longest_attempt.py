"""``longest_attempt_s``: computes the longest time that the first attempt at a change can take.

This is an upper limit and not a forecast: KubeVirt ends a migration by itself after this time.
A change starts in a maintenance window only if the window stays open for this time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reconciler.plan.behaviour.migration_policy import matching
from reconciler.plan.timing.migration_durations import PREPARATION

if TYPE_CHECKING:
    from reconciler.model.live.live_migration import LiveMigrationPolicy
    from reconciler.model.live.live_state import LiveState, LiveVMI
    from reconciler.model.quantity import MemoryQuantity
    from reconciler.plan.behaviour.effective_config import EffectiveConfig

DETECTION_S = 20.0
"""The maximum seconds until KubeVirt creates a migration. Source: observed, 1.4 to 20 s."""
PENDING_S = 900.0
"""The maximum number of seconds that a target pod is pending.

KubeVirt deletes an unschedulable pod already after 300 s. A pod that a quota rejects has no limit,
but the capacity rules delay such a change.

Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migration.go:99,1733-1756.
"""
START_TIMEOUT_S = 900.0
"""The seconds within which a VM must start; this is a limit of this program, not of KubeVirt."""
_GB = 10**9


def longest_attempt_s(
    vmi: LiveVMI, target: MemoryQuantity, live: LiveState, config: EffectiveConfig
) -> float:
    """Return the maximum number of seconds from the patch to the end of the first migration.

    The result is infinite if KubeVirt sets no limit. KubeVirt multiplies its time-out per GB by
    *target*, the guest's new memory in GB, rounded up. After this time, KubeVirt aborts the
    migration. If KubeVirt pauses the guest instead, the time doubles. Post-copy has no time-out,
    but sends the memory at most once more, which is assumed to take at most the same time again.

    The result includes no wait for a slot, because the rollout patches only when a slot is free.
    It does not include the longer time-out for disks that are copied.

    Source: kubevirt v1.9.0 pkg/virt-launcher/virtwrap/live-migration-source.go:450,743-814.
    """
    policy = matching(vmi, live)
    per_gb = config.completion_timeout_per_gib
    if policy is not None and policy.completion_timeout_per_gib is not None:
        per_gb = policy.completion_timeout_per_gib
    if per_gb <= 0:
        return math.inf
    transfer = per_gb * -(-target.n_bytes // _GB)
    if _prolonged(policy, config):
        transfer *= 2
    return DETECTION_S + PENDING_S + PREPARATION.high + transfer


def _prolonged(policy: LiveMigrationPolicy | None, config: EffectiveConfig) -> bool:
    """Return whether a migration continues after its time-out (post-copy or with a paused guest).

    A MigrationPolicy overrides the CR; a policy that allows post-copy also allows disruption.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migrationpolicy.go:44-146.
    """
    post_copy, disruption = config.post_copy, config.disruption
    if policy is not None:
        if policy.allow_post_copy is not None:
            post_copy = disruption = policy.allow_post_copy
        if policy.allow_workload_disruption is not None:
            disruption = policy.allow_workload_disruption
    return post_copy or (disruption and config.capabilities.allow_workload_disruption)
