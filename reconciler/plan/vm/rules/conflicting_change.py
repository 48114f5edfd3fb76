"""Checks whether a memory change in progress conflicts with the size in Git.

While a change is in progress, virt-controller rejects every other size. If the change can end, the
plan waits until the change has ended, and then the rules check the new size. If the change cannot
end, every other size is blocked, even a size that needs a restart anyway.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.live.conditions import is_true
from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.behaviour.effective_config import LIVE_MIGRATE
from reconciler.plan.behaviour.workload_updater import Fate, fate_of
from reconciler.plan.finding import Finding, blocked, first
from reconciler.plan.vm.rules.guest_progress import failing, ineffective
from reconciler.plan.vm.rules.in_place_resize import growth_in_flight
from reconciler.plan.vm.rules.live_update_features import judged_at_admission
from reconciler.plan.vm.rules.preconditions import (
    another_node,
    evict_hazard,
    hotplug_in_flight,
    migration_in_flight,
    update_methods_hint,
)
from reconciler.plan.vm.rules.restart_required import OF_SIZE
from reconciler.plan.vm.rules.target_pod.aaq_capacity import gate_in_flight
from reconciler.plan.vm.rules.target_pod.limit_range_capacity import limit_range_in_flight
from reconciler.plan.vm.rules.target_pod.target_capacity import (
    no_eligible_node,
    no_node_in_flight,
    no_quota_in_flight,
)
from reconciler.plan.vm.rules.target_pod.target_pod_in_flight import (
    NO_POD_YET,
    QUOTA,
    quota_refused,
)

if TYPE_CHECKING:
    from reconciler.model.live.live_migration import LiveMigration
    from reconciler.plan.vm.rules.vm_inputs import RunningVM


def back_to_running(running: RunningVM) -> Finding | None:
    """Allow a change back to the VM instance's current size, which requires no migration.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3469-3471; observed on KubeVirt
    v1.9.0 (scenario above-max-then-revert).
    """
    if running.vmi.guest != running.target:
        return None
    if running.vmi.memory_changes or running.migration is not None:
        return None
    return Finding.of(
        Effect.LIVE,
        Reason.BACK_TO_RUNNING,
        f"the guest already has {running.target}; no migration is needed",
    )


def stuck(running: RunningVM) -> Finding | None:
    """Block a change to a new size if the memory change in progress can never complete.

    KubeVirt checks migratability and maxGuest, then a change in progress, and then the size.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3473-3509; observed: KubeVirt
    rejects the second change (scenario slow-then-second-change), and a change never ends
    (scenario no-update-methods).
    """
    if not running.vmi.memory_changes or running.vmi.guest == running.target:
        return None
    if growth_in_flight(running):
        return None
    migration = running.migration
    fate = fate_of(running.vmi, running.after)
    if migration is None and fate is Fate.KILLED:
        return evict_hazard(
            running,
            f"KubeVirt kills the VM because of the unfinished change to {running.vmi.guest}, "
            "regardless of the size that Git sets",
        )
    obstacle = _obstacle(running, migration)
    if obstacle is None:
        return None
    own = first(OF_SIZE, running)
    return blocked(
        Reason.HOTPLUG_STUCK,
        f"an earlier change to {running.vmi.guest} cannot complete ({obstacle.why.message}); "
        f"until this change ends, KubeVirt rejects {running.target}"
        + (f"; in addition, {own.why.message}" if own else ""),
        obstacle.why.hint,
    )


def judged_later(running: RunningVM, finding: Finding) -> Finding:
    """Add to a message that KubeVirt must first complete the memory change in progress.

    Source: observed (scenario slow-then-second-change): KubeVirt retries the rejected size by
    itself.
    """
    if not running.vmi.memory_changes or judged_at_admission(running):
        return finding
    return _saying(
        finding,
        f"{finding.why.message}; KubeVirt checks this size after the unfinished change to "
        f"{running.vmi.guest} has ended",
    )


def denied_while_in_flight(running: RunningVM, finding: Finding) -> Finding:
    """On KubeVirt v1.1, wait while the webhook denies every size because of a change in progress.

    Source: kubevirt v1.1.0 vms-admitter.go:865-939.
    """
    if finding.effect is not Effect.RESTART or not judged_at_admission(running):
        return finding
    held = stuck(running)
    if held is not None:
        return held
    held = hotplug_in_flight(running) or migration_in_flight(running)
    if held is None:
        return finding
    return _saying(
        held,
        f"{held.why.message}, and KubeVirt's webhook denies every other size until this change "
        f"has ended; after that: {finding.why.message}",
        finding.why.hint,
    )


def _saying(finding: Finding, message: str, hint: str | None = None) -> Finding:
    """Return a copy of a planning rule's result with a new message and, if given, a new hint."""
    why = replace(finding.why, message=message)
    return replace(finding, why=why if hint is None else replace(why, hint=hint))


def _obstacle(running: RunningVM, migration: LiveMigration | None) -> Finding | None:
    """Return the problem that prevents the memory change in progress from completing, or None.

    Any migration carries out the change, even one that a user created. After repeated failures, a
    further migration does not help, even one that already has a target node.

    Source: kubevirt v1.9.0 pkg/virt-handler/migration-target.go:1152-1208; observed (scenarios
    migration-fails and target-unschedulable): KubeVirt retries these migrations without end.
    """
    carried = fate_of(running.vmi, running.after) in (Fate.MIGRATED, Fate.EVACUATED)
    if migration is None and not carried:
        return _not_carried(running)
    failed = failing(running)
    if failed is not None and failed.effect is Effect.BLOCKED:
        return failed
    if migration is not None and migration.phase.has_node:
        return None
    return (
        another_node(running)
        or no_eligible_node(running)
        or (None if _will_release(running) else quota_refused(running))
        or _future_rejection(running, migration)
        or gate_in_flight(running)
        or no_node_in_flight(running)
        or ineffective(running, running.vmi.guest)
    )


def _not_carried(running: RunningVM) -> Finding:
    if LIVE_MIGRATE in running.after.methods:
        return blocked(
            Reason.NOT_MIGRATABLE,
            "the VM cannot be migrated",
            "remove the obstacle to the migration",
        )
    strategy = running.vmi.eviction_strategy or running.after.eviction_strategy
    kept = fate_of(running.vmi, running.after) is Fate.KEPT
    denied = f", and evictionStrategy {strategy} denies evictions" if kept else ""
    return blocked(
        Reason.NO_LIVE_MIGRATE,
        f"workloadUpdateMethods does not list LiveMigrate{denied}",
        update_methods_hint(running),
    )


def _future_rejection(running: RunningVM, migration: LiveMigration | None) -> Finding | None:
    """Block a change if a quota or LimitRange will reject the target pod at its creation."""
    if migration is not None and migration.phase not in NO_POD_YET:
        return None
    refused = None if _will_release(running) else no_quota_in_flight(running)
    return refused or limit_range_in_flight(running)


def _will_release(running: RunningVM) -> bool:
    """Return whether another migration in the namespace will free part of the quota."""
    own = running.vm.ref
    return any(
        not each.phase.finished and not is_true(each.conditions, QUOTA)
        for ref, found in running.shared.migrations.items()
        if ref.namespace == own.namespace and ref != own
        for each in found
    )
