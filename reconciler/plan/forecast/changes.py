"""What takes places while the memory wave runs: the plan's own changes, and those of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.live.live_migration import MigrationPhase
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.references import ObjectRef
from reconciler.plan.behaviour.migration_policy import bandwidth
from reconciler.plan.timing.disruption import Disruption, disruption_of
from reconciler.plan.timing.migration_durations import ACCEPTANCE, DETECTION, Estimates, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.live.live_migration import LiveMigration
    from reconciler.model.live.live_state import LiveState, LiveVMI
    from reconciler.model.plan.plan import Decision
    from reconciler.plan.behaviour.effective_config import EffectiveConfig

RESTART = Span(8.0, 25.0, 240.0)
"""From the request to the guest of the new instance. Source: assumed; a guest may take
terminationGracePeriodSeconds, 180 s by default, to end."""
START = Span(5.0, 20.0, 60.0)
"""Of a VM that is created. Source: assumed."""
WRITE = Span(0.2, 1.0, 2.0)
"""A change that only takes note of a size. Source: the rollout looks once a second."""
STARTED = frozenset({MigrationPhase.RUNNING, MigrationPhase.SYNCHRONIZING})
NOT_BEGUN = frozenset({MigrationPhase.UNSET, MigrationPhase.PENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One change that the plan makes."""

    ref: ObjectRef
    node: str
    span: Span
    """From the patch to the moment at which it gives its place back."""
    tail: Span
    """From then on until it is done with."""
    what: Disruption
    """One that disturbs nothing takes no place."""
    n_bytes: int = 0
    after: int = 0
    limit: int = 0
    """Of the bandwidth, bytes a second; 0 for none. Like both sizes, for migrations only."""

    @property
    def migrates(self) -> bool:
        """Whether it is a migration, and not a restart or a mere write."""
        return self.what is Disruption.MIGRATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A change or migration in flight that the plan does not cause."""

    ref: ObjectRef
    node: str
    span: Span
    """What is left of it."""
    begun: bool


def moves_of(
    decisions: Mapping[ObjectRef, Decision],
    order: Iterable[ObjectRef],
    live: LiveState,
    regime: EffectiveConfig,
    times: Estimates,
) -> list[Move]:
    """The changes of VMs, in *order*."""
    return [
        _move(decisions[ref], live, regime, times)
        for ref in order
        if decisions[ref].effect is not Effect.CONFIG
    ]


def _move(decision: Decision, live: LiveState, regime: EffectiveConfig, times: Estimates) -> Move:
    vmi, nothing = live.vmis.get(decision.ref), Span(0.0, 0.0, 0.0)
    what, node = disruption_of(decision), vmi.node if vmi else ""
    if vmi is None or what is not Disruption.MIGRATION or not _migrates(decision):
        restarts = what is Disruption.RESTART
        other = START if decision.effect is Effect.CREATE else WRITE
        return Move(
            ref=decision.ref,
            node=node,
            span=RESTART if restarts else other,
            tail=nothing,
            what=what if restarts else Disruption.NONE,
        )
    n_bytes, limit = _current(vmi), bandwidth(vmi, live, regime.bandwidth)
    return Move(
        ref=decision.ref,
        node=node,
        span=DETECTION + times.preparation + times.transfer(n_bytes, limit),
        tail=ACCEPTANCE,
        what=what,
        n_bytes=n_bytes,
        after=decision.target.n_bytes if decision.target else n_bytes,
        limit=limit,
    )


def _migrates(decision: Decision) -> bool:
    return decision.reason in (Reason.HOTPLUG, Reason.HOTUNPLUG)


def _current(vmi: LiveVMI) -> int:
    size = vmi.guest_current or vmi.guest
    return size.n_bytes if size else 0


def others_of(live: LiveState, regime: EffectiveConfig, times: Estimates) -> list[Other]:
    """What is in flight; whoever began it, it takes a place until it ends."""
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
        transfer = times.transfer(_current(vmi), bandwidth(vmi, live, regime.bandwidth))
        if not going:
            whole = DETECTION + times.preparation + transfer
            found.append(Other(ref=ref, node=vmi.node, span=whole, begun=False))
            continue
        begun = going[-1].phase not in NOT_BEGUN
        left = _left(going[-1], vmi, live, times.preparation, transfer)
        found.append(Other(ref=ref, node=vmi.node, span=left, begun=begun))
    return found


def _left(
    migration: LiveMigration, vmi: LiveVMI, live: LiveState, preparation: Span, transfer: Span
) -> Span:
    """What is left of a migration in flight, as far as its phase and its begin tell."""
    if migration.phase not in STARTED:
        return preparation + transfer
    begun = vmi.migration_started_at if vmi.migration_uid == migration.uid else None
    spent = max(0.0, (live.observed_at - begun).total_seconds()) if begun else 0.0
    # One that takes longer than it should is as far from its end as it is late.
    late = max(0.0, spent - transfer.likely)
    return Span(
        max(0.0, transfer.low - spent),
        max(0.0, transfer.likely - spent) + late / 2,
        max(0.0, transfer.high - spent) + late,
    )
