"""``capacity_warnings``: warns if all changes together need more capacity than the cluster has."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, warning
from reconciler.model.phrases import listed_refs, plural
from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.capacity.reservations import Reservations, grown_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision, Wave
    from reconciler.model.quantity import MemoryQuantity
    from reconciler.model.references import ObjectRef

NAMED = 5
"""The maximum number of VM names in a message."""


def migrates(decision: Decision) -> bool:
    """Return whether a decision causes a migration, which needs capacity for a second pod."""
    without = (Reason.BACK_TO_RUNNING, Reason.IN_PLACE)
    return decision.effect is Effect.LIVE and decision.reason not in without


def capacity_warnings(
    decisions: Sequence[Decision], waves: Sequence[Wave], live: LiveState, at_once: int
) -> tuple[Diagnostic, ...]:
    """Warn if each change alone has enough capacity, but all changes together do not.

    The changes are placed in the order of the waves, with *at_once* migrations at a time.
    """
    if live.capacity is None:
        return ()
    sizes = {each.ref: grown_to(each, live) for each in decisions if migrates(each)}
    jobs = [
        (action.ref, size)
        for wave in waves
        for action in wave.actions
        if (size := sizes.get(action.ref)) is not None
    ]
    late, never = _queue(jobs, Reservations(live), max(1, at_once))
    found = []
    if late:
        found.append(
            warning(
                "room-one-after-another",
                f"{_count(late)} migrate yet because no node or quota has enough free memory, and "
                f"must wait for other migrations to end: {listed_refs(late, NAMED)}",
                "these VMs change when memory becomes free; the forecast does not include this "
                "waiting time",
            )
        )
    if never:
        found.append(
            warning(
                "room-not-for-all",
                f"{_count(never)} migrate, because earlier changes in the plan leave too little "
                f"memory: {listed_refs(never, NAMED)}",
                "free memory or add a node; otherwise the changes of these VMs do not start",
            )
        )
    return tuple(found)


def _queue(
    jobs: Sequence[tuple[ObjectRef, MemoryQuantity]], reservations: Reservations, at_once: int
) -> tuple[list[ObjectRef], list[ObjectRef]]:
    """Return the VMs that must wait for capacity, and the VMs that will never have capacity."""
    running: deque[ObjectRef] = deque()
    late: list[ObjectRef] = []
    left: list[tuple[ObjectRef, MemoryQuantity]] = []
    for ref, size in jobs:
        if len(running) >= at_once:
            reservations.settle(running.popleft())
        waited = False
        placed = reservations.place(ref, size)
        while not placed and running:
            reservations.settle(running.popleft())
            waited = True
            placed = reservations.place(ref, size)
        if not placed:
            left.append((ref, size))
            continue
        running.append(ref)
        if waited:
            late.append(ref)
    while running:
        reservations.settle(running.popleft())
    never: list[ObjectRef] = []
    for ref, size in left:
        if reservations.place(ref, size):
            reservations.settle(ref)
            late.append(ref)
        else:
            never.append(ref)
    return late, never


def _count(refs: Sequence[ObjectRef]) -> str:
    return f"{plural(len(refs), 'VM')} cannot"
