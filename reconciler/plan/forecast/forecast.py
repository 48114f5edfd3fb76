"""What the memory wave costs and how long it should take, from KubeVirt's and the user's limits.

A range, not a promise: it holds as long as its assumptions do, and they are said with it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect, Forecast, VMForecast
from reconciler.plan.behaviour.migration_policy import bandwidth
from reconciler.plan.concurrency import concurrency_of
from reconciler.plan.forecast.assumptions import assumptions
from reconciler.plan.forecast.changes import moves_of, others_of
from reconciler.plan.forecast.queueing import Queue, ends_of
from reconciler.plan.forecast.slots import Places
from reconciler.plan.ordering import CANARY, groups_of
from reconciler.plan.timing import migration_durations
from reconciler.plan.timing.migration_durations import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.plan.plan import Decision, Wave
    from reconciler.model.references import ObjectRef
    from reconciler.plan.context import PlanContext
    from reconciler.plan.forecast.changes import Move, Other

SETTLING = Span(5.5, 9.0, 15.0)
"""From a patch of the CR to the next wave: virt-operator's round, and 5 s for the components.

Source: assumed; kubevirt v1.9.0 pkg/virt-operator/kubevirt.go:1106-1126 reports the end of the
round, and nobody reports that the components have read the CR.
"""
EARLIER, LATER = 1.85, 1.6
"""How far an end may lie before or after the likely one, as factors: together below 3."""


def forecast(
    decisions: Sequence[Decision],
    waves: Sequence[Wave],
    context: PlanContext,
    ranks: Mapping[ObjectRef, int],
) -> Forecast:
    """Queue the plan's migrations behind those in flight, and add them up.

    Times count from the begin of the run, so that the waves of the CR are in them.

    Args:
        decisions: One an object, in any order.
        waves: Those of the plan; the changes begin in their order, as far as there is room.
        context: The moment, with what the user has chosen.
        ranks: As ``order.ranks`` gives them; those that are not named have the first.
    """
    live, regime = context.live, context.after
    before = context.before.bandwidth
    times = migration_durations.estimates(live, lambda vmi: bandwidth(vmi, live, before))
    order = dict.fromkeys(action.ref for wave in waves for action in wave.actions)
    by_ref = {each.ref: each for each in decisions}
    # The waves are in order each, and a restart alone is not in the one of memory.
    moves = moves_of(
        by_ref, sorted(order, key=lambda ref: ranks.get(ref, CANARY)), live, regime, times
    )
    others = others_of(live, regime, times)
    turns = _turns(decisions, moves, others, context, ranks)
    settling = SETTLING.times(_config_waves(decisions))
    ends = [
        (move, end.narrowed(EARLIER, LATER))
        for move, end in zip(moves, ends_of(moves, others, turns, settling), strict=True)
        if move.migrates
    ]
    vms = tuple(
        VMForecast(ref=move.ref, position=n, earliest_s=end.low, latest_s=end.high)
        for n, (move, end) in enumerate(ends, 1)
    )
    migrations = [move for move, _ in ends]
    return Forecast(
        migrations=len(vms),
        n_bytes_copied=sum(move.n_bytes for move in migrations),
        peak_extra_requests=_peak(migrations, turns.own.cluster),
        peak_extra_total=_most(migrations, turns.own.cluster),
        earliest_s=max((each.earliest_s for each in vms), default=0.0),
        latest_s=max((each.latest_s for each in vms), default=0.0),
        vms=vms,
        assumptions=assumptions(moves, others, turns, times, settling, context) if vms else (),
    )


def _turns(
    decisions: Sequence[Decision],
    moves: Sequence[Move],
    others: Sequence[Other],
    context: PlanContext,
    ranks: Mapping[ObjectRef, int],
) -> Queue:
    policy, regime = context.policy, context.after
    limits = concurrency_of(regime, policy)
    keys, canary = policy.anti_affinity, policy.canary
    refs = [*(each.ref for each in moves), *(each.ref for each in others)]
    return Queue(
        ranks=ranks,
        groups={ref: groups_of(ref, context.desired, context.live, keys) for ref in refs}
        if keys
        else {},
        own=Places(cluster=limits.shard, per_node=limits.per_node),
        kubevirt=Places(cluster=regime.parallel, per_node=regime.outbound_per_node),
        soak_s=float(canary.soak.seconds) if canary else None,
        followed=frozenset(each.ref for each in decisions if each.effect is Effect.WAIT),
    )


def _config_waves(decisions: Sequence[Decision]) -> int:
    """How many times the CR is patched and has to settle before memory may change."""
    return sum(
        len({action.wave for action in each.actions})
        for each in decisions
        if each.effect is Effect.CONFIG
    )


def _most(moves: Sequence[Move], places: int) -> int:
    """As ``_peak``, of all namespaces together."""
    growth = sum(max(0, move.after - move.n_bytes) for move in moves)
    second = sorted((min(move.after, move.n_bytes) for move in moves), reverse=True)
    return growth + sum(second[:places])


def _peak(moves: Sequence[Move], places: int) -> dict[str, int]:
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
