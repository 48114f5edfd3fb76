"""``ends``: estimates when changes end under limits per cluster, node and anti-affinity group."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Protocol, TypeAlias

from reconciler.model.references import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


Group: TypeAlias = tuple[str, str, str]
"""VMs in a namespace that share a label value, as namespace, label key and value."""
Limit: TypeAlias = str | Group
"""What limits concurrent changes: a node (by its name) or an anti-affinity group."""


TRIES = 2
"""How many changes of a namespace are examined again when one of its changes has ended."""


class Admission(Protocol):
    """Decides whether the quotas of a namespace allow the target pod of another change."""

    def admits(self, ref: ObjectRef) -> bool:
        """Return whether the quotas allow a change to start; if so, reserve the quota for it."""

    def end(self, ref: ObjectRef) -> None:
        """Release the quota that a change no longer uses after its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """The maximum numbers of concurrent migrations in the cluster and from one node.

    KubeVirt counts migrations in the cluster and by source node, and does not limit target nodes.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migration.go:2440-2467.
    """

    cluster: int
    per_node: int


@dataclass(frozen=True, slots=True)
class Job:
    """A change that starts as soon as the concurrency limits allow it."""

    node: str
    """The source node of the migration; empty if unknown, so that no limit per node applies."""
    seconds: float
    """The seconds for which the change counts towards the concurrency limits."""
    groups: frozenset[Group] = frozenset()
    """The VM's anti-affinity groups; only one change in a group runs at a time."""
    ref: ObjectRef | None = None
    """The VM whose pods count towards quotas; None if no quota applies."""


@dataclass(frozen=True, slots=True)
class Held:
    """A change that has already started when the run starts."""

    node: str
    until_s: float
    groups: frozenset[Group] = frozenset()
    ref: ObjectRef | None = None


def ends(
    jobs: Sequence[Job],
    slots: Slots,
    held: Iterable[Held] = (),
    admission: Admission | None = None,
) -> list[float]:
    """Return when each change ends, in seconds from the start of the run.

    The next change to start is the first one whose node and anti-affinity groups are below their
    limits. A change that waits for its node or group does not delay the changes behind it. Because
    several limits apply at the same time, a higher limit can delay a single change, by less than
    the duration of the longest change.

    A change whose quotas have too little left waits until a change in its namespace has ended, and
    the first of the waiting changes are then examined again. If no change runs, the first one that
    waits starts without its quotas.
    """
    queue = _Queue(jobs, slots, admission)
    for each in held:
        queue.take(queue.limits(each), each.until_s, each.ref)
    return queue.run()


class _Queue:
    """The changes that cannot start yet, by the limit that prevents their start.

    Therefore, a slot that becomes free is offered only to the changes that wait for this limit.
    """

    def __init__(
        self, jobs: Sequence[Job], slots: Slots, admission: Admission | None = None
    ) -> None:
        self._jobs, self._admission = jobs, admission
        self._cluster, self._per_node = max(1, slots.cluster), max(1, slots.per_node)
        self._running: list[tuple[float, int, tuple[Limit, ...], ObjectRef | None]] = []
        self._number = count()
        self._used: Counter[Limit] = Counter()
        self._waiting: dict[Limit, list[int]] = defaultdict(list)
        self._ready = list(range(len(jobs)))
        self._woken: dict[int, Limit] = {}

    @staticmethod
    def limits(job: Job | Held) -> tuple[Limit, ...]:
        """Return the limits that apply to a change: its anti-affinity groups, then its node."""
        return (*job.groups, job.node) if job.node else tuple(job.groups)

    def take(
        self, limits: tuple[Limit, ...], until_s: float, ref: ObjectRef | None = None
    ) -> None:
        heapq.heappush(self._running, (until_s, next(self._number), limits, ref))
        self._used.update(limits)

    def run(self) -> list[float]:
        found = [0.0] * len(self._jobs)
        now, left = 0.0, len(self._jobs)
        while left:
            while self._ready and len(self._running) < self._cluster:
                n = heapq.heappop(self._ready)
                woken = self._woken.pop(n, None)
                if self._may_start(n):
                    found[n] = self._start(n, now)
                    left -= 1
                elif woken == _quotas(self._jobs[n].ref):
                    continue
                self._wake(woken)
            if left and not self._running:
                n = self._first_waiting()
                found[n] = self._start(n, now)
                left -= 1
            if left:
                now = self._running[0][0]
            while self._running and self._running[0][0] <= now:
                self._end()
        for each in self._jobs if self._admission is not None else ():
            self._release(each.ref)
        return found

    def _start(self, n: int, now: float) -> float:
        """Start a change at a time in the forecast, and return when the change ends."""
        job = self._jobs[n]
        end = now + job.seconds
        self.take(self.limits(job), end, job.ref)
        return end

    def _end(self) -> None:
        """End the running change that ends next, and wake up the changes that wait for it."""
        _, _, limits, ref = heapq.heappop(self._running)
        self._used.subtract(limits)
        for limit in limits:
            self._wake(limit)
        self._release(ref)
        for _ in range(TRIES):
            self._wake(_quotas(ref))

    def _release(self, ref: ObjectRef | None) -> None:
        if self._admission is not None and ref is not None:
            self._admission.end(ref)

    def _may_start(self, n: int) -> bool:
        """Return whether a change can start; if not, queue it at the limit that has no slot."""
        job = self._jobs[n]
        for limit in self.limits(job):
            if not self._has_slot(limit):
                heapq.heappush(self._waiting[limit], n)
                return False
        if self._admission is None or job.ref is None or self._admission.admits(job.ref):
            return True
        heapq.heappush(self._waiting[_quotas(job.ref)], n)
        return False

    def _first_waiting(self) -> int:
        """Remove and return the first change that waits for quotas; called when no change runs."""
        waiting = min(filter(None, self._waiting.values()))
        return heapq.heappop(waiting)

    def _has_slot(self, limit: Limit) -> bool:
        return self._used[limit] < (self._per_node if isinstance(limit, str) else 1)

    def _wake(self, limit: Limit | None) -> None:
        """Mark the first change that waits for the given limit as ready to start."""
        if limit is not None and self._waiting.get(limit) and self._has_slot(limit):
            n = heapq.heappop(self._waiting[limit])
            self._woken[n] = limit
            heapq.heappush(self._ready, n)


def _quotas(ref: ObjectRef | None) -> Group:
    """Return the key under which changes wait for the quotas of a VM's namespace."""
    return (ref.namespace if ref else "", "", "")
