"""Under which assumptions a forecast holds, in words."""

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
    from reconciler.plan.forecast.changes import Move, Other
    from reconciler.plan.forecast.queueing import Queue
    from reconciler.plan.timing.migration_durations import Estimates, Span

QUIET = "no migration fails, none of others begins meanwhile, and nodes have room for targets"


def assumptions(
    moves: Sequence[Move],
    others: Sequence[Other],
    turns: Queue,
    times: Estimates,
    settling: Span,
    context: PlanContext,
) -> tuple[str, ...]:
    """A sentence each, without a final full stop."""
    fixed = DETECTION + times.preparation
    migrations = [each for each in moves if each.migrates]
    return (
        *_begin(context),
        _limits(others, turns),
        *_shards(context),
        *_order(moves, turns, context),
        *(
            (f"the CR settles within {settling.low:.0f} to {settling.high:.0f} s",)
            if settling.high
            else ()
        ),
        f"a migration begins {fixed.low:.0f} to {fixed.high:.0f} s after its turn has come",
        *(_rate(limit, times) for limit in sorted({move.limit for move in migrations})),
        *_restarts(moves),
        QUIET,
    )


def _begin(context: PlanContext) -> Iterator[str]:
    windows = context.policy.windows
    if not windows:
        return
    now = opening(windows, context.now)
    if now.is_open:
        yield "times count from now on, and what does not begin in this window begins in another"
    else:
        yield "times count from when a window lets the run begin, and it lasts until the end"


def _limits(others: Sequence[Other], turns: Queue) -> str:
    limits = f"{turns.own.cluster} at once in the cluster, {turns.own.per_node} from one node"
    if not others:
        return limits
    one = len(others) == 1
    take = "migration takes a place until it ends" if one else "migrations take places until"
    take += "" if one else " they end"
    return f"{limits}; {len(others)} other {take}"


def _shards(context: PlanContext) -> Iterator[str]:
    shard = context.policy.shard
    if shard.total > 1:
        yield f"the other {shard.total - 1} of {shard.total} shards keep to their share of these"


def _order(moves: Sequence[Move], turns: Queue, context: PlanContext) -> Iterator[str]:
    ranks = {turns.ranks.get(each.ref, CANARY) for each in moves}
    if len(ranks - {CANARY}) > 1:
        yield "a batch begins when all of the one before have ended"
    canary = context.policy.canary
    if canary is not None and ranks != {CANARY}:
        yield (
            f"the canaries soak for {canary.soak} before the others begin, counted in full even "
            "if an earlier run began it"
        )
    apart = [each for each in moves if turns.groups.get(each.ref)]
    if len(apart) > 1:
        keys = ", ".join(context.policy.anti_affinity)
        yield f"VMs of a namespace that share a value of {keys} change one after another"


def _restarts(moves: Sequence[Move]) -> Iterator[str]:
    n = sum(each.what is Disruption.RESTART for each in moves)
    if n:
        yield (
            f"{n} VM{'s are' if n > 1 else ' is'} restarted, which takes a place for "
            f"{RESTART.low:.0f} to {RESTART.high:.0f} s; restarts are in no other figure"
        )


def _rate(limit: int, times: Estimates) -> str:
    per_gib = times.per_gib(limit)
    rate = f"{per_gib.low:.2g} to {per_gib.high:.2g} s a GiB"
    bound = f", with at most {human(limit)}/s a migration (bandwidthPerMigration)" if limit else ""
    if known := len(times.comparable(limit)):
        return f"{rate}{bound}, as {known} finished migrations took"
    if limit:
        return f"{rate}{bound}"
    return f"{rate}, as on a network of 10 to 25 Gbit/s: no bandwidth is set, none was observed"
