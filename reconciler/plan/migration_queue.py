"""When migrations end that wait for places in the cluster and on their source nodes; pure."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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
    """A migration that waits for a place."""

    node: str
    """The source node; empty where it is not known, which no node's limit then holds back."""
    seconds: float
    """From the moment that it takes its place to the moment that it gives it back."""


@dataclass(frozen=True, slots=True)
class Held:
    """A place that is taken from the beginning on."""

    node: str
    until_s: float


def ends(jobs: Sequence[Job], places: Places, held: Iterable[Held] = ()) -> list[float]:
    """When each job gives its place back, in seconds from the beginning.

    Whenever a place is free, the first of *jobs* takes it whose node has one free too; a job that
    its node holds back does not hold back those behind it. So, as with any two limits at once,
    an additional place can put a single end off, by less than the longest job.
    """
    queue = _Queue(jobs, places)
    for each in held:
        queue.take(each.node, each.until_s)
    return queue.run()


class _Queue:
    def __init__(self, jobs: Sequence[Job], places: Places) -> None:
        self._jobs = jobs
        self._cluster, self._per_node = max(1, places.cluster), max(1, places.per_node)
        self._waiting: dict[str, deque[int]] = defaultdict(deque)
        for n, job in enumerate(jobs):
            self._waiting[self._lane(n, job)].append(n)
        self._running: list[tuple[float, str]] = []
        self._used: Counter[str] = Counter()

    def take(self, lane: str, until_s: float) -> None:
        heapq.heappush(self._running, (until_s, lane))
        self._used[lane] += 1

    def run(self) -> list[float]:
        found = [0.0] * len(self._jobs)
        now = 0.0
        heads = [(lane[0], name) for name, lane in self._waiting.items() if self._room(name)]
        heapq.heapify(heads)
        left = len(self._jobs)
        while left:
            while heads and len(self._running) < self._cluster:
                n, lane = heapq.heappop(heads)
                self._waiting[lane].popleft()
                found[n] = now + self._jobs[n].seconds
                self.take(lane, found[n])
                left -= 1
                self._offer(heads, lane)
            now = self._running[0][0]
            while self._running and self._running[0][0] <= now:
                _, lane = heapq.heappop(self._running)
                self._used[lane] -= 1
                if self._used[lane] == self._per_node - 1:
                    self._offer(heads, lane)
        return found

    @staticmethod
    def _lane(n: int, job: Job) -> str:
        # A node's name has no line feed: a job without a node gets a lane of its own.
        return job.node or f"\n{n}"

    def _room(self, lane: str) -> bool:
        return self._used[lane] < self._per_node

    def _offer(self, heads: list[tuple[int, str]], lane: str) -> None:
        """The lane's first job may go, once; called when it has become first or free."""
        waiting = self._waiting.get(lane)
        if waiting and self._room(lane):
            heapq.heappush(heads, (waiting[0], lane))
