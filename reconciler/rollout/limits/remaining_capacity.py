"""The room that a rollout decides by: read again as it ages, less what this run has promised."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.errors import ClusterError
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.run.progress import Step
from reconciler.plan.behaviour.target_pod import rendering_of
from reconciler.plan.capacity.fit import pod_for
from reconciler.plan.capacity.placement import migrates
from reconciler.plan.capacity.reservations import Ledger, grown_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveState, LiveVMI
    from reconciler.model.plan.plan import Decision
    from reconciler.model.references import ObjectRef
    from reconciler.plan.behaviour.target_pod import TargetPod
    from reconciler.rollout.run_context import Outside
    from reconciler.rollout.tracking.tracked_object import TrackedObject

CAPACITY_AGE_S = 60.0
"""How old pods and quotas may be while changes are still to begin."""
SHORT_CAPACITY_AGE_S = 10.0
"""How old they may be where a change was held back for room, and another one has ended since."""


class RemainingCapacity:
    """Keeps the room of one run."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._short = False
        """Whether a change was held back for room since it was read."""
        self._promised: dict[ObjectRef, TargetPod] = {}
        """As it was reckoned before the patch, when the VM and its pod were of one size."""
        self._not_before = 0.0
        """Monotonic seconds before which reading is not tried again after a failure."""

    def overlaid(self, live: LiveState, courses: Iterable[TrackedObject]) -> LiveState:
        """*live* with pods and quotas that are fresh enough, where a change still needs them.

        Raises:
            ClusterError: The server's answer ends the run, such as 401.
        """
        known = tuple(courses)
        if not any(_needs_capacity(each) for each in known) or not self._due(live.capacity, known):
            return live
        try:
            capacity = self._outside.informer.capacity()
        except ClusterError as error:
            if not error.retryable:
                raise
            self._not_before = self._outside.clock.monotonic() + SHORT_CAPACITY_AGE_S
            self._outside.tell(Step.FOLLOWING, f"room for migrations cannot be looked at: {error}")
            return live
        self._short = False
        return replace(live, capacity=capacity) if capacity is not None else live

    def fits(
        self,
        live: LiveState,
        courses: Mapping[ObjectRef, TrackedObject],
        candidates: Mapping[ObjectRef, Decision],
    ) -> Callable[[ObjectRef], bool]:
        """A question to ask once for each VM that is to begin now: is there room left for it?

        What is answered with yes is promised, as is what this run has begun and pods do not show
        yet. So two changes are never given the same room.
        """
        ledger = Ledger(live)
        for ref, course in courses.items():
            pod = self._promised.get(ref)
            if pod is not None and _hidden(course, live.vmis.get(ref), live.capacity):
                ledger.promise(ref, pod)

        def ask(ref: ObjectRef) -> bool:
            size, vmi = grown_to(candidates[ref], live), live.vmis.get(ref)
            if size is None or vmi is None or not migrates(candidates[ref]):
                return True
            placed = ledger.place(ref, size)
            self._short = self._short or not placed
            if placed:
                self._promised[ref] = pod_for(
                    live.capacity, rendering_of(live.kubevirt), vmi, size
                )
            return placed

        return ask

    def _due(self, capacity: Capacity | None, courses: tuple[TrackedObject, ...]) -> bool:
        if self._outside.clock.monotonic() < self._not_before:
            return False
        if capacity is None:
            return True
        age_s = (self._outside.clock.now() - capacity.observed_at).total_seconds()
        short = self._short or any(
            each.open and each.latest.reason is Reason.WAITS_FOR_ROOM for each in courses
        )
        ended = any(each.begun and _after(each.ended_at, capacity.observed_at) for each in courses)
        return age_s > (SHORT_CAPACITY_AGE_S if short and ended else CAPACITY_AGE_S)


def _needs_capacity(course: TrackedObject) -> bool:
    waits = course.latest.reason is Reason.WAITS_FOR_ROOM
    return course.open and not course.begun and (waits or migrates(course.latest))


def _hidden(course: TrackedObject, vmi: LiveVMI | None, capacity: Capacity | None) -> bool:
    """Whether *course* takes room that the pods, as they were read, do not show."""
    written = course.patched_at
    if capacity is None or vmi is None or written is None or not course.patched:
        return False
    if course.action is None or course.action.effect is not Effect.LIVE:
        return False
    if capacity.observed_at <= written:
        return True
    if len(capacity.launchers.get(vmi.uid, ())) > 1 or not course.open:
        return not course.open and _after(course.ended_at, capacity.observed_at)
    # Migrations are stamped in whole seconds.
    migrated = _after(vmi.migration_ended_at, written - timedelta(seconds=1))
    return not migrated or _after(vmi.migration_ended_at, capacity.observed_at)


def _after(moment: datetime | None, other: datetime) -> bool:
    return moment is not None and moment > other
