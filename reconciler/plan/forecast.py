"""What the memory wave costs and how long it should take, from KubeVirt's own limits.

A range, not a promise: it holds as long as its assumptions do, and they are said with it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.live import MigrationPhase, is_true
from reconciler.model.plan import Effect, Forecast, Reason, VMForecast
from reconciler.model.quantity import human
from reconciler.model.refs import ObjectRef
from reconciler.plan import migration_queue, migration_times
from reconciler.plan.migration_policies import bandwidth
from reconciler.plan.migration_queue import Held, Job, Places
from reconciler.plan.migration_times import ACCEPTANCE, DETECTION, Estimates, Span
from reconciler.plan.regime import regime_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.live import LiveMigration, LiveState, LiveVMI
    from reconciler.model.plan import Decision
    from reconciler.plan.regime import Regime

SETTLING = Span(5.5, 9.0, 15.0)
"""From a patch of the CR to the next wave: virt-operator's round, and 5 s for the components.

Source: assumed; kubevirt v1.9.0 pkg/virt-operator/kubevirt.go:1106-1126 reports the end of the
round, and nobody reports that the components have read the CR.
"""
EARLIER, LATER = 1.85, 1.6
"""How far an end may lie before or after the likely one, as factors: together below 3."""
STARTED = frozenset({MigrationPhase.RUNNING, MigrationPhase.SYNCHRONIZING})
NOT_BEGUN = frozenset({MigrationPhase.UNSET, MigrationPhase.PENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """One migration that the plan causes."""

    ref: ObjectRef
    node: str
    n_bytes: int
    after: int
    limit: int
    span: Span
    """From the patch to the end of the migration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Other:
    """A change or migration in flight that the plan does not cause."""

    node: str
    span: Span
    """What is left of it."""
    begun: bool


def forecast(
    decisions: Sequence[Decision],
    live: LiveState,
    regime: Regime,
    priorities: Mapping[ObjectRef, int],
    *,
    max_concurrent: int | None = None,
) -> Forecast:
    """Queue the plan's migrations behind those in flight, and add them up.

    Times count from the begin of the run, so that the waves of the CR are in them.

    Args:
        decisions: One an object, in any order.
        live: The snapshot from which they were made.
        regime: KubeVirt's behaviour once the CR is as the plan makes it.
        priorities: By VM; the higher goes first, and those that are not named have 0.
        max_concurrent: The user's limit; None leaves KubeVirt's.
    """
    before = regime_of(live.kubevirt).bandwidth
    times = migration_times.estimates(live, lambda vmi: bandwidth(vmi, live, before))
    moves = _moves(decisions, live, regime, times)
    moves.sort(key=lambda move: (-priorities.get(move.ref, 0), move.ref))
    others = _others(live, regime, times)
    places = Places(
        cluster=min(regime.parallel, max_concurrent or regime.parallel),
        per_node=regime.outbound_per_node,
    )
    settling = SETTLING.times(_config_waves(decisions))
    ends = _ends(moves, others, regime, places, settling)
    vms = tuple(
        VMForecast(ref=move.ref, position=n, earliest_s=end.low, latest_s=end.high)
        for n, (move, end) in enumerate(zip(moves, ends, strict=True), 1)
    )
    return Forecast(
        migrations=len(moves),
        n_bytes_copied=sum(move.n_bytes for move in moves),
        peak_extra_requests=_peak(moves, places.cluster),
        earliest_s=max((each.earliest_s for each in vms), default=0.0),
        latest_s=max((each.latest_s for each in vms), default=0.0),
        vms=vms,
        assumptions=_assumptions(moves, others, places, times, settling) if moves else (),
    )


def _moves(
    decisions: Sequence[Decision], live: LiveState, regime: Regime, times: Estimates
) -> list[_Move]:
    found = []
    for decision in decisions:
        vmi = live.vmis.get(decision.ref)
        if vmi is None or not _migrates(decision):
            continue
        n_bytes, limit = _current(vmi), bandwidth(vmi, live, regime.bandwidth)
        found.append(
            _Move(
                ref=decision.ref,
                node=vmi.node,
                n_bytes=n_bytes,
                after=decision.target.n_bytes if decision.target else n_bytes,
                limit=limit,
                span=DETECTION + times.preparation + times.transfer(n_bytes, limit),
            )
        )
    return found


def _migrates(decision: Decision) -> bool:
    moves = decision.reason in (Reason.HOTPLUG, Reason.HOTUNPLUG)
    return decision.effect is Effect.LIVE and moves and bool(decision.actions)


def _current(vmi: LiveVMI) -> int:
    size = vmi.guest_current or vmi.guest
    return size.n_bytes if size else 0


def _config_waves(decisions: Sequence[Decision]) -> int:
    """How many times the CR is patched and has to settle before memory may change."""
    return sum(
        len({action.wave for action in each.actions})
        for each in decisions
        if each.effect is Effect.CONFIG
    )


def _others(live: LiveState, regime: Regime, times: Estimates) -> list[_Other]:
    """What is in flight; whoever began it, it takes a place until it ends."""
    found = []
    for ref in sorted(live.migrations.keys() | live.vmis.keys()):
        vmi = live.vmis.get(ref)
        going = [each for each in live.migrations.get(ref, ()) if not each.phase.finished]
        changing = vmi is not None and is_true(vmi.conditions, "HotMemoryChange")
        if vmi is None or not (going or changing):
            continue
        transfer = times.transfer(_current(vmi), bandwidth(vmi, live, regime.bandwidth))
        if not going:
            whole = DETECTION + times.preparation + transfer
            found.append(_Other(node=vmi.node, span=whole, begun=False))
            continue
        begun = going[-1].phase not in NOT_BEGUN
        left = _left(going[-1], vmi, live, times.preparation, transfer)
        found.append(_Other(node=vmi.node, span=left, begun=begun))
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


def _ends(
    moves: Sequence[_Move],
    others: Sequence[_Other],
    regime: Regime,
    places: Places,
    settling: Span,
) -> list[Span]:
    """When each guest has its memory; the extremes stay within a factor of what is likely."""
    rows = [
        [
            settling_s + end + acceptance_s
            for end in _queued(
                [Job(move.node, move.span.three[n]) for move in moves],
                [(each, max(0.0, each.span.three[n] - settling_s)) for each in others],
                regime,
                places,
            )
        ]
        for n, (settling_s, acceptance_s) in enumerate(
            zip(settling.three, ACCEPTANCE.three, strict=True)
        )
    ]
    return [Span(*row).narrowed(EARLIER, LATER) for row in zip(*rows, strict=True)]


def _queued(
    jobs: Sequence[Job],
    others: Sequence[tuple[_Other, float]],
    regime: Regime,
    places: Places,
) -> list[float]:
    """The others first, under KubeVirt's own limits; each holds a place from the beginning on."""
    own = Places(cluster=regime.parallel, per_node=regime.outbound_per_node)
    begun = [Held(other.node, left_s) for other, left_s in others if other.begun]
    pending = [Job(other.node, left_s) for other, left_s in others if not other.begun]
    ends = migration_queue.ends(pending, own, begun)
    waiting = [Held(job.node, end) for job, end in zip(pending, ends, strict=True)]
    return migration_queue.ends(jobs, places, [*begun, *waiting])


def _peak(moves: Sequence[_Move], places: int) -> dict[str, int]:
    """By namespace: what has grown, and the second pods of those that migrate at once.

    Source: kubevirt v1.9.0 pkg/virt-controller/services/template.go:1633-1674; the target pod
    asks for the new size while the source pod still runs. An overhead that both have is left out
    of what has grown and, as it is small beside the guest, of the second pods.
    """
    growth: dict[str, int] = defaultdict(int)
    second: dict[str, list[int]] = defaultdict(list)
    for move in moves:
        growth[move.ref.namespace] += max(0, move.after - move.n_bytes)
        second[move.ref.namespace].append(min(move.after, move.n_bytes))
    return {
        namespace: growth[namespace] + sum(sorted(sizes, reverse=True)[:places])
        for namespace, sizes in sorted(second.items())
    }


def _assumptions(
    moves: Sequence[_Move],
    others: Sequence[_Other],
    places: Places,
    times: Estimates,
    settling: Span,
) -> tuple[str, ...]:
    limits = f"{places.cluster} at once in the cluster, {places.per_node} from one node"
    if others:
        one = len(others) == 1
        take = (
            "migration takes a place until it ends"
            if one
            else "migrations take places until they end"
        )
        limits += f"; {len(others)} other {take}"
    before = (
        (f"the CR settles within {settling.low:.0f} to {settling.high:.0f} s",)
        if settling.high
        else ()
    )
    fixed = DETECTION + times.preparation
    start = f"a migration begins {fixed.low:.0f} to {fixed.high:.0f} s after its turn has come"
    rates = tuple(_rate(limit, times) for limit in sorted({move.limit for move in moves}))
    quiet = "no migration fails, none of others begins meanwhile, and nodes have room for targets"
    return (limits, *before, start, *rates, quiet)


def _rate(limit: int, times: Estimates) -> str:
    per_gib = times.per_gib(limit)
    rate = f"{per_gib.low:.2g} to {per_gib.high:.2g} s a GiB"
    bound = f", with at most {human(limit)}/s a migration (bandwidthPerMigration)" if limit else ""
    if known := len(times.comparable(limit)):
        return f"{rate}{bound}, as {known} finished migrations took"
    if limit:
        return f"{rate}{bound}"
    return f"{rate}, as on a network of 10 to 25 Gbit/s: no bandwidth is set, none was observed"
