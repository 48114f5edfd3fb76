"""Engine: runs scheduled functions in the order of simulated time.

If a request causes work at a later time, the engine schedules and runs the work. Work that is due
at the same time runs in the order in which it was scheduled. Runs with the same seed are
identical.
"""

from __future__ import annotations

import heapq
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.simulator.clock import SimClock
    from reconciler.simulator.store.store import Store


class Engine:
    """Runs each scheduled function when the simulated time reaches its due time.

    With a stepped clock, `step` and `run_until` change the time. With a running clock, a driver
    calls `run_due` whenever the time `next_due` has passed. The engine calls `on_earlier` when
    newly scheduled work is due before all other work.
    """

    def __init__(self, clock: SimClock, store: Store, *, seed: int = 0) -> None:
        self.clock = clock
        self.store = store
        self.random = random.Random(seed)  # noqa: S311 - repeatable jitter, nothing secret
        self.on_earlier: Callable[[], None] | None = None
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._scheduled = 0

    def at(self, delay_s: float, work: Callable[[], None]) -> None:
        """Schedules a function to run after a delay in simulated seconds."""
        with self.store.lock:
            self._scheduled += 1
            due = self.clock.monotonic() + max(delay_s, 0.0)
            heapq.heappush(self._heap, (due, self._scheduled, work))
            earliest = self._heap[0][1] == self._scheduled
        if earliest and self.on_earlier is not None:
            self.on_earlier()

    def between(self, low_s: float, high_s: float) -> float:
        """Returns a random delay between two bounds, in seconds, derived from the seed."""
        return self.random.uniform(low_s, high_s)

    def next_due(self) -> float | None:
        """Returns the simulated time of the next scheduled function, or None if none exists."""
        with self.store.lock:
            return self._heap[0][0] if self._heap else None

    def run_due(self, *, limit: int | None = None) -> int:
        """Runs all scheduled functions that are due, and returns their number.

        Work that becomes due during the call also runs.

        Args:
            limit: The maximum number of functions to run, or None to run all that are due.
        """
        done = 0
        with self.store.lock:
            while self._heap and self._heap[0][0] <= self.clock.monotonic():
                heapq.heappop(self._heap)[2]()
                done += 1
                if limit is not None and done >= limit:
                    break
        return done

    def step(self, seconds: float) -> None:
        """Advances a stepped clock by some seconds, and runs the functions that become due."""
        self.run_until(self.clock.monotonic() + seconds)

    def run_until(self, moment: float) -> None:
        """Advances a stepped clock to a time, and runs the functions that become due."""
        while (due := self.next_due()) is not None and due <= moment:
            self.clock.advance_to(max(due, self.clock.monotonic()))
            self.run_due()
        self.clock.advance_to(moment)
