"""``RemainingCapacity``: tracks the node and quota capacity that a run can still use.

This class lists pods and quotas again when its data is too old, and subtracts the capacity that
the run has reserved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.errors import ClusterError
from reconciler.model.live.aware_quota import GATE
from reconciler.model.live.live_state import LiveVMI
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.run.progress import Step
from reconciler.plan.behaviour.target_pod import TargetPod, rendering_of
from reconciler.plan.capacity.aware_growth import growth
from reconciler.plan.capacity.capacity_warnings import grows_in_place, migrates
from reconciler.plan.capacity.fit import pod_for
from reconciler.plan.capacity.reservations import Reservations, grown_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision
    from reconciler.model.references import ObjectRef
    from reconciler.rollout.run_context import RunContext
    from reconciler.rollout.tracking.tracked_object import TrackedObject

MAX_AGE_S = 60.0
"""The maximum age of pod and quota data in seconds while some changes have not started."""
MAX_AGE_SHORT_S = 10.0
"""The maximum age of pod data in seconds if one change has ended and another lacks capacity."""
WAIT_S = 5.0
"""The maximum wait for the lists of pods and quotas in seconds.

The wait delays the renewal of the leases and all other changes. If the lists take longer, a later
round uses them.
"""

NO_CAPACITY = "unfinished changes to other VMs use the capacity that the target pod needs"
NOT_LISTED = (
    "the API server has not sent the pods and quotas yet, so it is unknown whether a "
    "node and the quotas have capacity for the target pod"
)
SHORTAGES = frozenset({NO_CAPACITY, NOT_LISTED})
"""Why a target pod lacks capacity; both reasons can end without another change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reserved:
    """The capacity for one change, as it was computed before the VM was patched."""

    pod: TargetPod
    """The migration target pod; for a VM that is resized in place, its larger launcher pod."""
    target: MemoryQuantity
    vmi: LiveVMI
    """The VM instance before the change; Application-Aware Quota counts only the growth since."""


class RemainingCapacity:
    """Tracks the remaining capacity, and reserves capacity for each change in a run."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._short = False
        """Whether a change lacked capacity since pods and quotas were last listed."""
        self._unlistable = False
        """Whether the credentials do not permit listing pods, so that capacity stays unknown."""
        self._reserved: dict[ObjectRef, _Reserved] = {}
        self._in_place: set[ObjectRef] = set()
        self._not_before = 0.0
        """The monotonic time in seconds before which a failed request for pods is not repeated."""

    def overlay(self, live: LiveState, objects: Iterable[TrackedObject]) -> LiveState:
        """Return a snapshot with recent pods and quotas added, if a change needs them.

        Raises:
            ClusterError: The API server's response, for example 401, ends the run.
        """
        known, now = tuple(objects), self._run.clock.now()
        needed = any(_needs_capacity(each) or is_stalled(each, live, now) for each in known)
        if not needed or not self._due(live.capacity, known):
            return live
        try:
            read = self._run.informer.refresh_capacity(WAIT_S)
        except ClusterError as error:
            if not error.retryable:
                raise
            self._try_later(
                f"the run cannot read how much capacity is free for migrations: {error}"
            )
            return live
        if read is None:
            self._unlistable = True
            return live
        if live.capacity is not None and read.observed_at <= live.capacity.observed_at:
            age_s = (now - read.observed_at).total_seconds()
            self._try_later(
                f"the data about free capacity for migrations is {age_s:.0f} s old, because the "
                "API server has not sent newer pods and quotas yet"
            )
            return live
        self._short = False
        return replace(live, capacity=read)

    def _try_later(self, message: str) -> None:
        self._not_before = self._run.clock.monotonic() + MAX_AGE_SHORT_S
        self._run.progress(Step.FOLLOWING, message)

    def shortage(
        self,
        live: LiveState,
        objects: Mapping[ObjectRef, TrackedObject],
        candidates: Mapping[ObjectRef, Decision],
    ) -> Callable[[ObjectRef], str]:
        """Return a function that returns why a node or a quota lacks capacity for a target pod.

        The function returns an empty string, and reserves the capacity, if there is enough, or if
        the credentials do not permit listing pods. Capacity is also reserved for changes whose
        pods are not visible yet, so that two changes never get the same capacity. Call the
        function once for each VM that is to start now.
        """
        reservations = self._reserved_before(live, objects)

        def lacks(ref: ObjectRef) -> str:
            size, vmi = grown_to(candidates[ref], live), live.vmis.get(ref)
            in_place = grows_in_place(candidates[ref])
            if size is None or vmi is None or not (in_place or migrates(candidates[ref])):
                return ""
            if live.capacity is None and not self._unlistable:
                return NOT_LISTED
            placed = (reservations.grow if in_place else reservations.place)(ref, size)
            self._short = self._short or not placed
            if placed:
                (self._in_place.add if in_place else self._in_place.discard)(ref)
                pod = pod_for(live.capacity, rendering_of(live.kubevirt), vmi, size)
                self._reserved[ref] = _Reserved(pod=pod, target=size, vmi=vmi)
            return "" if placed else NO_CAPACITY

        return lacks

    def _reserved_before(
        self, live: LiveState, objects: Mapping[ObjectRef, TrackedObject]
    ) -> Reservations:
        """Reserve the capacity of started changes whose pods the snapshot does not show yet."""
        reservations, capacity = Reservations(live), live.capacity
        for ref, tracked in objects.items():
            found = self._reserved.get(ref)
            if found is None or capacity is None:
                continue
            if ref in self._in_place:
                if grows_still(tracked, capacity):
                    reservations.promise_growth(ref, found.pod)
                continue
            vmi = live.vmis.get(ref)
            hidden = is_hidden(tracked, vmi, capacity)
            if hidden:
                reservations.promise(ref, found.pod)
            if hidden or is_gated(tracked, vmi, capacity):
                grown = growth(capacity, found.vmi, found.target, found.pod)
                reservations.reserve_aware_growth(ref, found.pod, grown)
        return reservations

    def _due(self, known: Capacity | None, objects: tuple[TrackedObject, ...]) -> bool:
        if self._run.clock.monotonic() < self._not_before:
            return False
        if known is None:
            return True
        age_s = (self._run.clock.now() - known.observed_at).total_seconds()
        short = self._short or any(
            each.open and each.latest.reason is Reason.WAITS_FOR_ROOM for each in objects
        )
        ended = any(each.applied and _after(each.ended_at, known.observed_at) for each in objects)
        return age_s > (MAX_AGE_SHORT_S if short and ended else MAX_AGE_S)


def is_hidden(tracked: TrackedObject, vmi: LiveVMI | None, read: Capacity | None) -> bool:
    """Return whether a change uses capacity that the last list of pods does not show yet."""
    written_at = tracked.patched_at
    if read is None or vmi is None or written_at is None or not tracked.written:
        return False
    if tracked.action is None or tracked.action.effect is not Effect.LIVE:
        return False
    if read.observed_at <= written_at:
        return True
    if len(read.launchers.get(vmi.uid, ())) > 1 or not tracked.open:
        return not tracked.open and _after(tracked.ended_at, read.observed_at)
    # The timestamps of migrations have whole seconds.
    migrated = _after(vmi.migration_ended_at, written_at - timedelta(seconds=1))
    return not migrated or _after(vmi.migration_ended_at, read.observed_at)


def is_gated(tracked: TrackedObject, vmi: LiveVMI | None, read: Capacity) -> bool:
    """Return whether a change has a target pod that Application-Aware Quota has not counted yet.

    A pod with a scheduling gate uses nothing of such a quota. Source:
    kubevirt/application-aware-quota pkg/aaq-controller/aaq-evaluator (Usage), commit 0c8a5eca.
    """
    pods = read.launchers.get(vmi.uid, ()) if vmi is not None else ()
    return tracked.open and tracked.written and any(GATE in each.gates for each in pods)


def grows_still(tracked: TrackedObject, read: Capacity | None) -> bool:
    """Return whether a written change might still enlarge the launcher pod in the pod list.

    Only the part of the growth that the list does not show is reserved.
    """
    if read is None or not tracked.written:
        return False
    return tracked.open or _after(tracked.ended_at, read.observed_at)


def _needs_capacity(tracked: TrackedObject) -> bool:
    waits = tracked.latest.reason is Reason.WAITS_FOR_ROOM
    return (
        tracked.open
        and not tracked.applied
        and (waits or migrates(tracked.latest) or grows_in_place(tracked.latest))
    )


def is_stalled(tracked: TrackedObject, live: LiveState, now: datetime) -> bool:
    """Return whether the target pod of a migration has had no node for a long time.

    A quota or a LimitRange that is newer than the plan might then hold the target pod.
    """
    if not tracked.open or not tracked.applied:
        return False
    written_at = tracked.patched_at
    if written_at is not None and (now - written_at).total_seconds() < MAX_AGE_S:
        return False
    migrations = live.migrations.get(tracked.ref, ())
    return any(not each.phase.has_node for each in migrations)


def _after(moment: datetime | None, other: datetime) -> bool:
    return moment is not None and moment > other
