"""Whether the changes of one plan have room together, placed one after another in wave order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.phrases import listed_refs
from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.capacity.reservations import Reservations, grown_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision, Wave
    from reconciler.model.quantity import MemoryQuantity
    from reconciler.model.references import ObjectRef

NAMED = 5
"""How many VMs a sentence names."""


def migrates(decision: Decision) -> bool:
    """Whether *decision* makes a VM migrate, and so needs room."""
    return decision.effect is Effect.LIVE and decision.reason is not Reason.BACK_TO_RUNNING


def capacity_warnings(
    decisions: Sequence[Decision], waves: Sequence[Wave], live: LiveState, at_once: int
) -> tuple[Diagnostic, ...]:
    """Warn of changes that fit alone, but not beside or after the others.

    *at_once* is how many migrations run at a time.
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
            _warning(
                "room-one-after-another",
                f"{_count(late)} no room while the others migrate, and one after another they "
                f"have: {listed_refs(late, NAMED)}",
                "they are written as room comes; the forecast does not count that wait",
            )
        )
    if never:
        found.append(
            _warning(
                "room-not-for-all",
                f"{_count(never)} room now, and none once the others before them have grown: "
                f"{listed_refs(never, NAMED)}",
                "free memory or add a node; the last ones are held back otherwise",
            )
        )
    return tuple(found)


def _queue(
    jobs: Sequence[tuple[ObjectRef, MemoryQuantity]], reservations: Reservations, at_once: int
) -> tuple[list[ObjectRef], list[ObjectRef]]:
    """Who has to wait for room, and who never gets any, with *at_once* places in the queue."""
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


def _warning(code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(severity=Severity.WARNING, code=code, message=message, hint=hint)


def _count(refs: Sequence[ObjectRef]) -> str:
    return f"{len(refs)} {'change has' if len(refs) == 1 else 'changes have'}"
