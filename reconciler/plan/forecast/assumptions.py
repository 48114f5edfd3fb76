"""``assumptions``: lists, as sentences, the conditions under which a forecast is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.quantity import human
from reconciler.plan.forecast.changes import RESTART
from reconciler.plan.ordering import CANARY
from reconciler.plan.timing.disruption import Disruption
from reconciler.plan.timing.migration_durations import DETECTION
from reconciler.plan.timing.windows import opening

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.plan.context import PlanContext
    from reconciler.plan.forecast.changes import ForeignChange, PlannedChange
    from reconciler.plan.forecast.queueing import Queue
    from reconciler.plan.timing.migration_durations import Estimates, Span

NOT_CHECKED = (
    "the forecast ignores pod affinity, host-model CPUs, and pods of other workloads that a "
    "selector matches; each of these can prevent a migration, because no other node is suitable "
    "for the target pod"
)
QUOTAS = (
    "a change waits until the current quotas of its namespace have enough left for its target "
    "pod; the forecast does not include the wait for free memory on a node"
)
QUIET = "no migration fails, no unrelated migration starts, and every target pod can be scheduled"


def assumptions(
    planned: Sequence[PlannedChange],
    foreign: Sequence[ForeignChange],
    queue: Queue,
    times: Estimates,
    settling: Span,
    context: PlanContext,
    *,
    has_quotas: bool = False,
) -> tuple[str, ...]:
    """Return one sentence for each assumption of a forecast, without a final full stop.

    *has_quotas* is whether the namespace of a migration has quotas.
    """
    fixed = DETECTION + times.preparation
    migrations = [each for each in planned if each.migrates]
    return (
        *_start(context),
        _limits(foreign, queue),
        *_shards(context),
        *_order(planned, queue, context),
        *(
            (
                (
                    f"KubeVirt applies a changed KubeVirt CR within {settling.low:.0f} to "
                    f"{settling.high:.0f} s"
                ),
            )
            if settling.high
            else ()
        ),
        (
            f"a migration starts {fixed.low:.0f} to {fixed.high:.0f} s after the migration limits "
            "allow it"
        ),
        *(_rate(limit, times) for limit in sorted({change.limit for change in migrations})),
        *_restarts(planned),
        *((QUOTAS,) if has_quotas else ()),
        *((NOT_CHECKED,) if migrations else ()),
        QUIET,
    )


def _start(context: PlanContext) -> Iterator[str]:
    windows = context.policy.windows
    if not windows:
        return
    now = opening(windows, context.now)
    if now.is_open:
        yield (
            "times are counted from now; changes that do not fit into the open maintenance "
            "window start in a later one"
        )
    else:
        yield (
            "times are counted from the start of a maintenance window that is long enough for "
            "all changes"
        )


def _limits(foreign: Sequence[ForeignChange], queue: Queue) -> str:
    limits = (
        f"at most {queue.own.cluster} migrations at a time in the cluster and "
        f"{queue.own.per_node} from one node"
    )
    if not foreign:
        return limits
    if len(foreign) == 1:
        return f"{limits}; 1 other migration counts towards these limits until it ends"
    return f"{limits}; {len(foreign)} other migrations count towards these limits until they end"


def _shards(context: PlanContext) -> Iterator[str]:
    shard = context.policy.shard
    if shard.total > 1:
        others = f"the runs of the other {shard.total - 1} of {shard.total} shards"
        yield f"{others} stay within their share of these limits"


def _order(planned: Sequence[PlannedChange], queue: Queue, context: PlanContext) -> Iterator[str]:
    ranks = {queue.ranks.get(each.ref, CANARY) for each in planned}
    if len(ranks - {CANARY}) > 1:
        yield "a batch starts when all changes in the previous batch have ended"
    canary = context.policy.canary
    if canary is not None and ranks != {CANARY}:
        yield (
            f"other VMs change {canary.soak} after the canaries have their new memory; the "
            "forecast includes this whole time, even if a part of it has already passed"
        )
    grouped = [each for each in planned if queue.groups.get(each.ref)]
    if len(grouped) > 1:
        keys = ", ".join(context.policy.anti_affinity)
        yield f"VMs in one namespace with the same value of {keys} are changed one at a time"


def _restarts(planned: Sequence[PlannedChange]) -> Iterator[str]:
    n = sum(each.disruption is Disruption.RESTART for each in planned)
    if n:
        yield (
            f"{n} VM{'s are' if n > 1 else ' is'} restarted, and each restart counts towards the "
            f"limit of simultaneous changes for {RESTART.low:.0f} to {RESTART.high:.0f} s; the "
            "other estimates do not include restarts"
        )


def _rate(limit: int, times: Estimates) -> str:
    per_gib = times.per_gib(limit)
    rate = f"{per_gib.low:.2g} to {per_gib.high:.2g} s per GiB"
    bound = (
        f", with at most {human(limit)}/s per migration (bandwidthPerMigration)" if limit else ""
    )
    if known := len(times.comparable(limit)):
        return f"{rate}{bound}, as measured in {known} finished migrations"
    if limit:
        return f"{rate}{bound}"
    return (
        f"{rate}, the rate of a network with 10 to 25 Gbit/s, because no bandwidth limit is set "
        "and no finished migration was found"
    )
