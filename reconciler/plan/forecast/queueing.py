"""When each change ends: rank after rank, each queued for the places that are left; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from reconciler.model.references import ObjectRef
from reconciler.plan.forecast import slots
from reconciler.plan.forecast.slots import Group, Held, Job, Places
from reconciler.plan.ordering import CANARY
from reconciler.plan.timing.disruption import Disruption
from reconciler.plan.timing.migration_durations import ACCEPTANCE, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.plan.forecast.changes import Move, Other

NONE: frozenset[Group] = frozenset()
LOOK = Span(0.0, 0.5, 1.5)
"""Until the rollout sees that a rank is done with. Source: it looks once a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """In which order, and how many at a time."""

    ranks: Mapping[ObjectRef, int]
    """Those that are not named have the first."""
    groups: Mapping[ObjectRef, frozenset[Group]]
    """Those that are not named have none."""
    own: Places
    """For the plan's changes."""
    kubevirt: Places
    """For those of others."""
    soak_s: float | None
    """Between the canaries and the others; None where there are no canaries."""
    followed: frozenset[ObjectRef]
    """VMs of the plan that are in flight already: their rank ends when they do."""


def ends_of(
    moves: Sequence[Move], others: Sequence[Other], turns: Queue, settling: Span
) -> list[Span]:
    """When each of *moves*, ordered by rank, is done with, in seconds from the begin."""
    rows = [_row(moves, others, turns, settling.three[n], n) for n in range(3)]
    return [Span(*row) for row in zip(*rows, strict=True)]


def _row(
    moves: Sequence[Move], others: Sequence[Other], turns: Queue, settling_s: float, n: int
) -> list[float]:
    """The same for one of the three: at least, most likely, at most."""
    held = [(each, settling_s + end) for each, end in _others(others, turns, settling_s, n)]
    found: list[float] = []
    done: dict[int, float] = {}
    for other, end in held:
        if other.ref in turns.followed:
            rank = turns.ranks.get(other.ref, CANARY)
            done[rank] = max(done.get(rank, 0.0), end + ACCEPTANCE.three[n])
    for rank, group in groupby(moves, key=lambda move: turns.ranks.get(move.ref, CANARY)):
        members = list(group)
        before = max((end for each, end in done.items() if each < rank), default=None)
        begins = settling_s if before is None else max(settling_s, before + LOOK.three[n])
        if rank > CANARY and turns.soak_s is not None:
            canaries = max(settling_s, done.get(CANARY, 0.0) + LOOK.three[n])
            begins = max(begins, canaries + turns.soak_s)
        ends = _queued(members, held, turns, begins, n)
        found += ends
        done[rank] = max(done.get(rank, 0.0), *ends)
    return found


def _others(
    others: Sequence[Other], turns: Queue, settling_s: float, n: int
) -> list[tuple[Other, float]]:
    """When they end, from the moment on at which the CR has settled, under KubeVirt's limits."""
    left = [(each, max(0.0, each.span.three[n] - settling_s)) for each in others]
    begun = [(each, left_s) for each, left_s in left if each.begun]
    pending = [(each, left_s) for each, left_s in left if not each.begun]
    ends = slots.ends(
        [Job(each.node, left_s) for each, left_s in pending],
        turns.kubevirt,
        [Held(each.node, left_s) for each, left_s in begun],
    )
    return [*begun, *((each, end) for (each, _), end in zip(pending, ends, strict=True))]


def _queued(
    members: Sequence[Move],
    held: Sequence[tuple[Other, float]],
    turns: Queue,
    begins: float,
    n: int,
) -> list[float]:
    """When *members* are done with; what others still hold, from the beginning on, is held."""
    disturbing = [each for each in members if each.what is not Disruption.NONE]
    jobs = [
        Job(each.node, each.span.three[n], turns.groups.get(each.ref, NONE)) for each in disturbing
    ]
    taken = [
        Held(each.node, end - begins, turns.groups.get(each.ref, NONE))
        for each, end in held
        if end > begins
    ]
    ended = dict(
        zip(
            (each.ref for each in disturbing),
            slots.ends(jobs, turns.own, taken),
            strict=True,
        )
    )
    return [
        begins + ended.get(each.ref, each.span.three[n]) + each.tail.three[n] for each in members
    ]
