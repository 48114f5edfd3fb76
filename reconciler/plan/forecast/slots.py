"""``ends``: estimates when changes end under limits per cluster, node and anti-affinity group."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


Group: TypeAlias = tuple[str, str, str]
"""VMs in a namespace that share a label value, as namespace, label key and value."""
Limit: TypeAlias = str | Group
"""What limits concurrent changes: a node (by its name) or an anti-affinity group."""


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


@dataclass(frozen=True, slots=True)
class Held:
    """A change that has already started when the run starts."""

    node: str
    until_s: float
    groups: frozenset[Group] = frozenset()


def ends(jobs: Sequence[Job], slots: Slots, held: Iterable[Held] = ()) -> list[float]:
    """Return when each change ends, in seconds from the start of the run.

    The next change to start is the first one whose node and anti-affinity groups are below their
    limits. A change that waits for its node or group does not delay the changes behind it. Because
    several limits apply at the same time, a higher limit can delay a single change, by less than
    the duration of the longest change.
    """
    queue = _Queue(jobs, slots)
    for each in held:
        queue.take(queue.limits(each), each.until_s)
    return queue.run()


class _Queue:
    """The changes that cannot start yet, by the limit that prevents their start.

    Therefore, a slot that becomes free is offered only to the changes that wait for this limit.
    """

    def __init__(self, jobs: Sequence[Job], slots: Slots) -> None:
        self._jobs = jobs
        self._cluster, self._per_node = max(1, slots.cluster), max(1, slots.per_node)
        self._running: list[tuple[float, int, tuple[Limit, ...]]] = []
        self._number = count()
        self._used: Counter[Limit] = Counter()
        self._waiting: dict[Limit, list[int]] = defaultdict(list)
        self._ready = list(range(len(jobs)))
        self._woken: dict[int, Limit] = {}

    @staticmethod
    def limits(job: Job | Held) -> tuple[Limit, ...]:
        """Return the limits that apply to a change: its anti-affinity groups, then its node."""
        return (*job.groups, job.node) if job.node else tuple(job.groups)

    def take(self, limits: tuple[Limit, ...], until_s: float) -> None:
        heapq.heappush(self._running, (until_s, next(self._number), limits))
        self._used.update(limits)

    def run(self) -> list[float]:
        found = [0.0] * len(self._jobs)
        now, left = 0.0, len(self._jobs)
        while left:
            while self._ready and len(self._running) < self._cluster:
                n = heapq.heappop(self._ready)
                if self._may_start(n):
                    found[n] = now + self._jobs[n].seconds
                    self.take(self.limits(self._jobs[n]), found[n])
                    left -= 1
                self._wake(self._woken.pop(n, None))
            if left:
                now = self._running[0][0]
            while self._running and self._running[0][0] <= now:
                _, _, limits = heapq.heappop(self._running)
                self._used.subtract(limits)
                for limit in limits:
                    self._wake(limit)
        return found

    def _may_start(self, n: int) -> bool:
        """Return whether a change can start; if not, queue it at the limit that has no slot."""
        for limit in self.limits(self._jobs[n]):
            if not self._has_slot(limit):
                heapq.heappush(self._waiting[limit], n)
                return False
        return True

    def _has_slot(self, limit: Limit) -> bool:
        return self._used[limit] < (self._per_node if isinstance(limit, str) else 1)

    def _wake(self, limit: Limit | None) -> None:
        """Mark the first change that waits for the given limit as ready to start."""
        if limit is not None and self._waiting.get(limit) and self._has_slot(limit):
            n = heapq.heappop(self._waiting[limit])
            self._woken[n] = limit
            heapq.heappush(self._ready, n)
