"""``Wakeups``: wakes the loop after an event."""

from __future__ import annotations

import threading
from enum import StrEnum


class Wakeup(StrEnum):
    """The events that wake the loop."""

    GIT = "git"
    """The state of the Git poller has changed."""
    CLUSTER = "cluster"
    """An informer has seen a change."""
    LEADERSHIP = "leadership"
    """This process has become the leader, or has ceased to be the leader."""
    OTHER = "other"


class Wakeups:
    """Collects events; ``wake`` may be called from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pending: set[Wakeup] = set()

    def wake(self, what: Wakeup) -> None:
        """End the present or the next ``wait``."""
        with self._changed:
            self._pending.add(what)
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> frozenset[Wakeup]:
        """Wait for an event, and return all events since the last wait.

        Args:
            timeout_s: The longest wait, in seconds of real time.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._pending), timeout_s)
            found = frozenset(self._pending)
            self._pending.clear()
        return found
