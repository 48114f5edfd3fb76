"""``ends_of``: estimates when VM changes end if each batch waits for the previous batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from reconciler.model.references import ObjectRef
from reconciler.plan.forecast import slots
from reconciler.plan.forecast.slots import Group, Held, Job, Slots
from reconciler.plan.ordering import CANARY
from reconciler.plan.timing.disruption import Disruption
from reconciler.plan.timing.migration_durations import ACCEPTANCE, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.plan.forecast.changes import ForeignChange, PlannedChange
    from reconciler.plan.forecast.quota_admission import QuotaAdmission

NONE: frozenset[Group] = frozenset()
LOOK = Span(0.0, 0.5, 1.5)
"""The seconds that the rollout takes to notice that all changes in a batch have ended.

Source: the rollout polls once a second.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The order in which changes start, and the number of changes that can run concurrently."""

    ranks: Mapping[ObjectRef, int]
    """The position (rank) of each VM in the order of batches; by default, the first rank."""
    groups: Mapping[ObjectRef, frozenset[Group]]
    """The anti-affinity groups of each VM; VMs that are not listed have none."""
    own: Slots
    """The concurrency limits for the plan's changes."""
    kubevirt: Slots
    """The concurrency limits for changes that do not belong to the plan."""
    soak_s: float | None
    """The soak time of the canaries, in seconds; None if there are no canaries."""
    followed: frozenset[ObjectRef]
    """The plan's VMs whose change has already started; later batches also wait for these VMs."""


def ends_of(
    planned: Sequence[PlannedChange],
    foreign: Sequence[ForeignChange],
    queue: Queue,
    settling: Span,
    quotas: Callable[[], QuotaAdmission] | None = None,
) -> list[Span]:
    """Return when each change in the plan ends, in seconds from the start of the run.

    *quotas* is a function that returns unused quotas. If it is given, a change waits until the
    quotas allow its target pod.
    """
    rows = [
        _row(planned, foreign, queue, settling.three[n], n, quotas() if quotas else None)
        for n in range(3)
    ]
    return [Span(*row) for row in zip(*rows, strict=True)]


def _row(
    planned: Sequence[PlannedChange],
    foreign: Sequence[ForeignChange],
    queue: Queue,
    settling_s: float,
    n: int,
    quotas: QuotaAdmission | None,
) -> list[float]:
    """Return each change's earliest (*n* is 0), most likely (1) or latest (2) end, in seconds."""
    held = [(each, settling_s + end) for each, end in _foreign_ends(foreign, queue, settling_s, n)]
    found: list[float] = []
    done: dict[int, float] = {}
    for each, end in held:
        if each.ref in queue.followed:
            rank = queue.ranks.get(each.ref, CANARY)
            done[rank] = max(done.get(rank, 0.0), end + ACCEPTANCE.three[n])
    for rank, group in groupby(planned, key=lambda change: queue.ranks.get(change.ref, CANARY)):
        members = list(group)
        before = max((end for earlier, end in done.items() if earlier < rank), default=None)
        start_s = settling_s if before is None else max(settling_s, before + LOOK.three[n])
        if rank > CANARY and queue.soak_s is not None:
            canaries = max(settling_s, done.get(CANARY, 0.0) + LOOK.three[n])
            start_s = max(start_s, canaries + queue.soak_s)
        ends = _ends_of_rank(members, held, queue, start_s, n, quotas)
        found += ends
        done[rank] = max(done.get(rank, 0.0), *ends)
    return found


def _foreign_ends(
    foreign: Sequence[ForeignChange], queue: Queue, settling_s: float, n: int
) -> list[tuple[ForeignChange, float]]:
    """Return when the changes that already run will end, in seconds from the run's start."""
    left = [(each, max(0.0, each.span.three[n] - settling_s)) for each in foreign]
    started = [(each, left_s) for each, left_s in left if each.started]
    pending = [(each, left_s) for each, left_s in left if not each.started]
    ends = slots.ends(
        [Job(each.node, left_s) for each, left_s in pending],
        queue.kubevirt,
        [Held(each.node, left_s) for each, left_s in started],
    )
    return [*started, *((each, end) for (each, _), end in zip(pending, ends, strict=True))]


def _ends_of_rank(
    members: Sequence[PlannedChange],
    held: Sequence[tuple[ForeignChange, float]],
    queue: Queue,
    start_s: float,
    n: int,
    quotas: QuotaAdmission | None,
) -> list[float]:
    """Return when each change in a batch ends, given the changes that have already started."""
    disturbing = [each for each in members if each.disruption is not Disruption.NONE]
    jobs = [
        Job(each.node, each.span.three[n], queue.groups.get(each.ref, NONE), each.ref)
        for each in disturbing
    ]
    taken = [
        Held(each.node, end - start_s, queue.groups.get(each.ref, NONE), each.ref)
        for each, end in held
        if end > start_s
    ]
    if quotas is not None:
        for each, end in held:
            if end <= start_s:
                quotas.end(each.ref)
    ended = dict(
        zip(
            (each.ref for each in disturbing),
            slots.ends(jobs, queue.own, taken, quotas),
            strict=True,
        )
    )
    return [
        start_s + ended.get(each.ref, each.span.three[n]) + each.tail.three[n] for each in members
    ]
