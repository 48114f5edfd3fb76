"""``forecast``: estimates the time and the additional memory that a plan's changes need.

Each time is a range that holds only under the assumptions that are printed with the forecast.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect
from reconciler.model.plan.plan_forecast import Forecast, VMForecast
from reconciler.plan.behaviour.migration_policy import bandwidth
from reconciler.plan.concurrency import concurrency_of
from reconciler.plan.forecast.assumptions import assumptions
from reconciler.plan.forecast.changes import foreign_changes, planned_changes
from reconciler.plan.forecast.queueing import Queue, ends_of
from reconciler.plan.forecast.quota_admission import admissions
from reconciler.plan.forecast.slots import Slots
from reconciler.plan.ordering import CANARY, groups_of, named
from reconciler.plan.timing import migration_durations
from reconciler.plan.timing.migration_durations import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.plan.plan import Decision, Wave
    from reconciler.model.references import ObjectRef
    from reconciler.plan.context import PlanContext
    from reconciler.plan.forecast.changes import ForeignChange, PlannedChange

SETTLING = Span(5.5, 9.0, 15.0)
"""The seconds until a changed KubeVirt CR is applied, including 5 s for KubeVirt's components.

Source: assumed; kubevirt v1.9.0 pkg/virt-operator/kubevirt.go:1106-1126 reports the end of the
sync. No status shows when KubeVirt's components have read the CR.
"""
EARLIER, LATER = 1.85, 1.6
"""The factors that bound the earliest and the latest end relative to the most likely end.

Therefore, the latest end is less than three times the earliest end.
"""


def forecast(
    decisions: Sequence[Decision],
    waves: Sequence[Wave],
    context: PlanContext,
    ranks: Mapping[ObjectRef, int],
) -> Forecast:
    """Estimate when the plan's migrations start and end, and how much memory they need.

    Times count from the start of the run, so they include the patches of the KubeVirt CR. Changes
    start in the order of the waves as migration slots become free. A VM that is not in *ranks* has
    the first rank.
    """
    live, config = context.live, context.after
    before = context.before.bandwidth
    times = migration_durations.estimates(live, lambda vmi: bandwidth(vmi, live, before))
    order = dict.fromkeys(action.ref for wave in waves for action in wave.actions)
    by_ref = {each.ref: each for each in decisions}
    # VMs that only restart are in a later wave than memory, so sort all waves together by rank.
    planned = planned_changes(
        by_ref, sorted(order, key=lambda ref: ranks.get(ref, CANARY)), live, config, times
    )
    foreign = foreign_changes(live, config, times)
    queue = _queue(decisions, planned, foreign, context, ranks)
    settling = SETTLING.times(_config_waves(decisions))
    limited, quotas = admissions((by_ref[each.ref] for each in planned if each.migrates), live)
    spans = ends_of(planned, foreign, queue, settling, quotas)
    ends = [
        (change, end.narrowed(EARLIER, LATER))
        for change, end in zip(planned, spans, strict=True)
        if change.migrates
    ]
    batches = {rank: named(rank, context.policy) for rank in set(ranks.values())}
    vms = tuple(
        VMForecast(
            ref=change.ref,
            position=n,
            earliest_s=end.low,
            latest_s=end.high,
            node=change.node,
            batch=batches.get(ranks.get(change.ref, CANARY), ""),
        )
        for n, (change, end) in enumerate(ends, 1)
    )
    migrations = [change for change, _ in ends]
    return Forecast(
        migrations=len(vms),
        n_bytes_copied=sum(change.n_bytes for change in migrations),
        peak_extra_requests={
            namespace: _peak(changes, queue.own.cluster)
            for namespace, changes in groupby(sorted(migrations, key=_namespace), key=_namespace)
        },
        peak_extra_total=_peak(migrations, queue.own.cluster),
        earliest_s=max((each.earliest_s for each in vms), default=0.0),
        latest_s=max((each.latest_s for each in vms), default=0.0),
        vms=vms,
        assumptions=assumptions(
            planned, foreign, queue, times, settling, context, has_quotas=limited
        )
        if vms
        else (),
    )


def _queue(
    decisions: Sequence[Decision],
    planned: Sequence[PlannedChange],
    foreign: Sequence[ForeignChange],
    context: PlanContext,
    ranks: Mapping[ObjectRef, int],
) -> Queue:
    policy, config = context.policy, context.after
    limits = concurrency_of(config, policy)
    keys, canary = policy.anti_affinity, policy.canary
    refs = [*(each.ref for each in planned), *(each.ref for each in foreign)]
    return Queue(
        ranks=ranks,
        groups={ref: groups_of(ref, context.desired, context.live, keys) for ref in refs}
        if keys
        else {},
        own=Slots(cluster=limits.shard, per_node=limits.per_node),
        kubevirt=Slots(cluster=config.parallel, per_node=config.outbound_per_node),
        soak_s=float(canary.soak.seconds) if canary else None,
        followed=frozenset(each.ref for each in decisions if each.effect is Effect.WAIT),
    )


def _config_waves(decisions: Sequence[Decision]) -> int:
    """Return the number of KubeVirt CR patches that must take effect before memory changes."""
    return sum(
        len({action.wave for action in each.actions})
        for each in decisions
        if each.effect is Effect.CONFIG
    )


def _namespace(change: PlannedChange) -> str:
    return change.ref.namespace


def _peak(planned: Iterable[PlannedChange], slots: int) -> int:
    """Return the most additional memory, in bytes, that pods request at one time during a rollout.

    This is the growth of all VMs, plus the second pods of the migrations that run at the same
    time. Pod overhead is ignored: the growth does not change the overhead, which is small compared
    with the guest's memory.

    Source: kubevirt v1.9.0 pkg/virt-controller/services/template.go:1633-1674; the target pod
    requests the new size while the source pod still runs.
    """
    sizes = [(change.n_bytes, change.after) for change in planned]
    second_pods = sorted(map(min, sizes), reverse=True)
    return sum(max(0, after - before) for before, after in sizes) + sum(second_pods[:slots])
