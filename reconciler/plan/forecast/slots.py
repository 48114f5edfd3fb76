"""When changes end that wait for places: in the cluster, on a node, in their groups; pure."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


Group: TypeAlias = tuple[str, str, str]
"""Namespace, label key and value."""
Limit: TypeAlias = str | Group
"""A node, by its name, or a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """How many migrations may run at once.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migration.go:2440-2467; places are
    counted in the cluster and by source node, and there is no limit on a target node.
    """

    cluster: int
    per_node: int


@dataclass(frozen=True, slots=True)
class Job:
    """A change that waits for a place."""

    node: str
    """The source node; empty where it is not known, which no node's limit then holds back."""
    seconds: float
    """From the moment that it takes its place to the moment that it gives it back."""
    groups: frozenset[Group] = frozenset()
    """One job of a group goes at a time."""


@dataclass(frozen=True, slots=True)
class Held:
    """A place that is taken from the beginning on."""

    node: str
    until_s: float
    groups: frozenset[Group] = frozenset()


def ends(jobs: Sequence[Job], places: Places, held: Iterable[Held] = ()) -> list[float]:
    """When each job gives its place back, in seconds from the beginning.

    Whenever a place is free, the first of *jobs* takes it whose node and groups have one free
    too; a job that these hold back does not hold back those behind it. So, as with any two
    limits at once, an additional place can put a single end off, by less than the longest job.
    """
    queue = _Queue(jobs, places)
    for each in held:
        queue.take(queue.limits(each), each.until_s)
    return queue.run()


class _Queue:
    """Each job that cannot go waits at one limit that is reached, and is looked at again there.

    So a place that comes free costs a look at those who wait for it, not at everybody.
    """

    def __init__(self, jobs: Sequence[Job], places: Places) -> None:
        self._jobs = jobs
        self._cluster, self._per_node = max(1, places.cluster), max(1, places.per_node)
        self._running: list[tuple[float, int, tuple[Limit, ...]]] = []
        self._number = count()
        self._used: Counter[Limit] = Counter()
        self._waiting: dict[Limit, list[int]] = defaultdict(list)
        self._ready = list(range(len(jobs)))
        self._woken: dict[int, Limit] = {}

    @staticmethod
    def limits(job: Job | Held) -> tuple[Limit, ...]:
        """What *job* needs a place of, groups first since they are narrower."""
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
                if self._begins(n):
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

    def _begins(self, n: int) -> bool:
        """Whether the job may go now; otherwise it waits at the first limit that is reached."""
        for limit in self.limits(self._jobs[n]):
            if not self._room(limit):
                heapq.heappush(self._waiting[limit], n)
                return False
        return True

    def _room(self, limit: Limit) -> bool:
        return self._used[limit] < (self._per_node if isinstance(limit, str) else 1)

    def _wake(self, limit: Limit | None) -> None:
        """Look at the first who waits there; once it has gone, or not, at the next."""
        if limit is not None and self._waiting.get(limit) and self._room(limit):
            n = heapq.heappop(self._waiting[limit])
            self._woken[n] = limit
            heapq.heappush(self._ready, n)
