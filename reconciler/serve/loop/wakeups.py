"""``Wakeups``: wakes the main loop of ``serve`` after an event."""

from __future__ import annotations

import threading
from enum import StrEnum


class Wakeup(StrEnum):
    """The events that wake the main loop of ``serve``."""

    GIT = "git"
    """The Git poller has a new result."""
    CLUSTER = "cluster"
    """An informer has received a change from the cluster."""
    LEADERSHIP = "leadership"
    """This process has become the leader, or is no longer the leader."""
    OTHER = "other"


class Wakeups:
    """Collects the events that wake the main loop; any thread can call ``wake``."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pending: set[Wakeup] = set()

    def wake(self, what: Wakeup) -> None:
        """End the current or the next call to ``wait``."""
        with self._changed:
            self._pending.add(what)
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> frozenset[Wakeup]:
        """Wait for an event, and return all events since the last call.

        Args:
            timeout_s: The maximum wait, in seconds of real time.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._pending), timeout_s)
            found = frozenset(self._pending)
            self._pending.clear()
        return found
