"""Collects the planned and started changes that count towards KubeVirt's migration limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.live.live_migration import MigrationPhase
from reconciler.model.plan.plan import Effect
from reconciler.model.references import ObjectRef
from reconciler.plan.behaviour.migration_policy import bandwidth
from reconciler.plan.capacity.capacity_warnings import migrates
from reconciler.plan.timing.disruption import Disruption, disruption_of
from reconciler.plan.timing.migration_durations import ACCEPTANCE, DETECTION, Estimates, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.live.live_migration import LiveMigration
    from reconciler.model.live.live_state import LiveState, LiveVMI
    from reconciler.model.plan.plan import Decision
    from reconciler.plan.behaviour.effective_config import EffectiveConfig

RESTART = Span(8.0, 25.0, 240.0)
"""The time in seconds from a restart request until the guest runs again.

Source: assumed; a guest can take terminationGracePeriodSeconds, 180 s by default, to stop.
"""
START = Span(5.0, 20.0, 60.0)
"""How many seconds a new VM takes to start. Source: an assumption."""
WRITE = Span(0.2, 1.0, 2.0)
"""The duration in seconds of a change that only writes a size and causes no migration.

Source: the rollout polls once a second.
"""
STARTED = frozenset({MigrationPhase.RUNNING, MigrationPhase.SYNCHRONIZING})
NOT_STARTED = frozenset({MigrationPhase.UNSET, MigrationPhase.PENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """A planned change to a VM, with its estimated duration."""

    ref: ObjectRef
    node: str
    span: Span
    """The time from the patch until the change no longer counts towards migration limits."""
    tail: Span
    """The time from the end of the migration until the guest has its new memory."""
    disruption: Disruption
    """How the change disrupts the VM; without a disruption, no migration limit applies."""
    n_bytes: int = 0
    """The guest's memory in bytes before a migration; 0 for changes without a migration."""
    after: int = 0
    """The guest's memory in bytes after a migration; 0 for changes without a migration."""
    limit: int = 0
    """The bandwidth limit for the migration in bytes per second; 0 for no limit."""

    @property
    def migrates(self) -> bool:
        """Whether the planned change causes a migration, and not only a restart or a write."""
        return self.disruption is Disruption.MIGRATION


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignChange:
    """A change or migration that has already started and does not belong to the plan."""

    ref: ObjectRef
    node: str
    span: Span
    """The estimated remaining duration of the change."""
    started: bool
    """Whether the migration has passed the phase Pending."""


def planned_changes(
    decisions: Mapping[ObjectRef, Decision],
    order: Iterable[ObjectRef],
    live: LiveState,
    config: EffectiveConfig,
    times: Estimates,
) -> list[PlannedChange]:
    """Return the changes that the plan makes to VMs, in the order in which they start."""
    return [
        _planned_change(decisions[ref], live, config, times)
        for ref in order
        if decisions[ref].effect is not Effect.CONFIG
    ]


def _planned_change(
    decision: Decision, live: LiveState, config: EffectiveConfig, times: Estimates
) -> PlannedChange:
    vmi, nothing = live.vmis.get(decision.ref), Span(0.0, 0.0, 0.0)
    disruption, node = disruption_of(decision), vmi.node if vmi else ""
    if vmi is None or disruption is Disruption.RESTART or not migrates(decision):
        restarts = disruption is Disruption.RESTART
        other = START if decision.effect is Effect.CREATE else WRITE
        return PlannedChange(
            ref=decision.ref,
            node=node,
            span=RESTART if restarts else other,
            tail=nothing,
            disruption=disruption if restarts else Disruption.NONE,
        )
    n_bytes, limit = _current(vmi), bandwidth(vmi, live, config.bandwidth)
    return PlannedChange(
        ref=decision.ref,
        node=node,
        span=DETECTION + times.preparation + times.transfer(n_bytes, limit),
        tail=ACCEPTANCE,
        disruption=disruption,
        n_bytes=n_bytes,
        after=decision.target.n_bytes if decision.target else n_bytes,
        limit=limit,
    )


def _current(vmi: LiveVMI) -> int:
    size = vmi.guest_current or vmi.guest
    return size.n_bytes if size else 0


def foreign_changes(
    live: LiveState, config: EffectiveConfig, times: Estimates
) -> list[ForeignChange]:
    """Return all changes that have already started, including those of other clients."""
    unfinished = {
        ref: going
        for ref, migrations in live.migrations.items()
        if (going := [each for each in migrations if not each.phase.finished])
    }
    changing = [ref for ref, vmi in live.vmis.items() if vmi.memory_changes]
    found = []
    for ref in sorted({*unfinished, *changing}):
        vmi, going = live.vmis.get(ref), unfinished.get(ref, [])
        if vmi is None:
            continue
        transfer = times.transfer(_current(vmi), bandwidth(vmi, live, config.bandwidth))
        if not going:
            whole = DETECTION + times.preparation + transfer
            found.append(ForeignChange(ref=ref, node=vmi.node, span=whole, started=False))
            continue
        started = going[-1].phase not in NOT_STARTED
        left = _left(going[-1], vmi, live, times.preparation, transfer)
        found.append(ForeignChange(ref=ref, node=vmi.node, span=left, started=started))
    return found


def _left(
    migration: LiveMigration, vmi: LiveVMI, live: LiveState, preparation: Span, transfer: Span
) -> Span:
    """Estimate the remaining duration of a migration from its phase and start time."""
    if migration.phase not in STARTED:
        return preparation + transfer
    started = vmi.migration_started_at if vmi.migration_uid == migration.uid else None
    spent = max(0.0, (live.observed_at - started).total_seconds()) if started else 0.0
    # A late migration is assumed to need as much more time as it is late already.
    late = max(0.0, spent - transfer.likely)
    return Span(
        max(0.0, transfer.low - spent),
        max(0.0, transfer.likely - spent) + late / 2,
        max(0.0, transfer.high - spent) + late,
    )
