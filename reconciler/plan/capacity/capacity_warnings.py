"""``capacity_warnings``: warns if a plan's changes together exceed the cluster's capacity."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

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
"""The maximum number of VM names that a warning lists."""


def migrates(decision: Decision) -> bool:
    """Return whether a planned change causes a migration, which needs a second pod."""
    without = (Reason.BACK_TO_RUNNING, Reason.IN_PLACE)
    return decision.effect is Effect.LIVE and decision.reason not in without


def grows_in_place(decision: Decision) -> bool:
    """Return whether a planned change makes the VM's launcher pod grow in place."""
    return decision.effect is Effect.LIVE and decision.reason is Reason.IN_PLACE


def capacity_warnings(
    decisions: Sequence[Decision], waves: Sequence[Wave], live: LiveState, at_once: int
) -> tuple[Diagnostic, ...]:
    """Warn if each change alone has enough capacity, but all changes together do not.

    Capacity is reserved in the order of the waves, with *at_once* migrations at a time.
    """
    if live.capacity is None:
        return ()
    by_ref = {each.ref: each for each in decisions if migrates(each) or grows_in_place(each)}
    jobs = [
        _Job(ref=action.ref, size=size, in_place=grows_in_place(decision))
        for wave in waves
        for action in wave.actions
        if (decision := by_ref.get(action.ref)) is not None
        and (size := grown_to(decision, live)) is not None
    ]
    late, never = _queue(jobs, Reservations(live), max(1, at_once))
    found = []
    if late:
        found.append(
            warning(
                "room-one-after-another",
                f"{plural(len(late), 'VM')} cannot {_verbs(late)} yet, because no node or quota "
                f"has enough free memory until other migrations end: {_names(late)}",
                "these VMs change as soon as memory becomes free; the forecast includes the wait "
                "for a quota, but not the wait for memory on a node",
            )
        )
    if never:
        found.append(
            warning(
                "room-not-for-all",
                f"{plural(len(never), 'VM')} cannot {_verbs(never)}, because earlier changes in "
                f"the plan leave too little memory: {_names(never)}",
                "free memory, add a node or raise the quota; otherwise, the changes to these VMs "
                "do not start",
            )
        )
    return tuple(found)


class _Job(NamedTuple):
    """A memory change to one VM, which needs capacity."""

    ref: ObjectRef
    size: MemoryQuantity
    in_place: bool

    def reserved(self, reservations: Reservations) -> bool:
        """Reserve the capacity for the memory change; return False if too little is free."""
        reserve = reservations.grow if self.in_place else reservations.place
        return reserve(self.ref, self.size)

    def end(self, reservations: Reservations) -> None:
        """Release the capacity of the VM's old pod, if the change was a migration."""
        if not self.in_place:
            reservations.settle(self.ref)


def _queue(
    jobs: Sequence[_Job], reservations: Reservations, at_once: int
) -> tuple[list[_Job], list[_Job]]:
    """Return the changes that must wait for capacity, and those that will never get enough."""
    running: deque[_Job] = deque()
    late: list[_Job] = []
    left: list[_Job] = []
    for job in jobs:
        if len(running) >= at_once and not job.in_place:
            running.popleft().end(reservations)
        waited = False
        placed = job.reserved(reservations)
        while not placed and running:
            running.popleft().end(reservations)
            waited = True
            placed = job.reserved(reservations)
        if not placed:
            left.append(job)
            continue
        if not job.in_place:
            running.append(job)
        if waited:
            late.append(job)
    for job in running:
        job.end(reservations)
    never: list[_Job] = []
    for job in left:
        if job.reserved(reservations):
            job.end(reservations)
            late.append(job)
        else:
            never.append(job)
    return late, never


def _verbs(jobs: Sequence[_Job]) -> str:
    return " or ".join(sorted({"grow in place" if each.in_place else "migrate" for each in jobs}))


def _names(jobs: Sequence[_Job]) -> str:
    return listed_refs([each.ref for each in jobs], NAMED)
