"""How long the first attempt at a change may take at the most, so that it fits in a window; pure.

A bound and no forecast: it is what KubeVirt gives a migration before it ends it by itself.
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
"""From the patch to the migration object. Source: recorded, 1.4 to 20 s."""
PENDING_S = 900.0
"""How long the target pod may be pending; one that no node can take is given up after 300 s.

Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migration.go:99,1733-1756. A pod that a
quota refuses has no bound; the rules on room keep such a change back.
"""
START_TIMEOUT_S = 900.0
"""How long a VM may take to start. This is the product's choice; KubeVirt waits without end."""
_GB = 10**9


def attempt_bound_s(
    vmi: LiveVMI, target: MemoryQuantity, live: LiveState, config: EffectiveConfig
) -> float:
    """Seconds from the patch to the end of the migration that it causes; infinity for no bound.

    A place for the migration is not waited for: whoever patches sees to it that one is free.

    Args:
        vmi: The instance that is to change.
        target: The guest's memory to be; a migration's time goes by it, not by what is copied.
        live: Holds the migration policies and the labels of the namespaces.
        config: KubeVirt's settings, as they are when the change is made.

    Source: kubevirt v1.9.0 pkg/virt-launcher/virtwrap/live-migration-source.go:450,743-814: the
    time-out times the size in GB, rounded up; past it the migration is aborted, or, where that is
    allowed, the guest is paused and the time doubled. In post-copy there is no time-out; the
    memory is then sent a second time at the most, which is assumed to take no longer than the
    first. Disks that are copied as well add to the time-out, and are not in the bound.
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
    """Whether a migration that takes too long goes on, paused or in post-copy.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migrationpolicy.go:44-146: what the
    policy sets goes before the CR, and its post-copy alone allows disruption with it.
    """
    post_copy, disruption = config.post_copy, config.disruption
    if policy is not None:
        if policy.allow_post_copy is not None:
            post_copy = disruption = policy.allow_post_copy
        if policy.allow_workload_disruption is not None:
            disruption = policy.allow_workload_disruption
    return post_copy or (disruption and config.capabilities.allow_workload_disruption)
