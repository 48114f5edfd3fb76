"""``CapacityRefresh``: stores the newest capacity, and refreshes it in the background."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from reconciler.cluster.api import threads
from reconciler.cluster.read.capacity_reader import read_capacity
from reconciler.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.cluster.api.client import Client
    from reconciler.cluster.read.api_groups import ServedGroups
    from reconciler.model.live.capacity import Capacity
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

_INTERVAL_S = 10.0
"""The minimum interval between two background reads of pods and quotas, in seconds."""


class CapacityRefresh:
    """Reads pods and quotas on request, and in at most one background thread.

    Args:
        served: Returns the API groups that the server serves; while None, each read lists them.
        change: Calls a function while holding the lock of the snapshot, and wakes up its readers.
        broke: Called with an unexpected error of the background thread.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        served: Callable[[], ServedGroups | None],
        change: Callable[[Callable[[], None]], None],
        broke: Callable[[str, Exception], None],
    ) -> None:
        self._client, self._clock = client, clock
        self._served, self._change, self._broke = served, change, broke
        self._lock = threading.Lock()
        self._reading = False
        self._not_before = 0.0
        """The monotonic time before which the next background read does not start."""
        self.newest: Capacity | None = None
        """The capacity that was observed last."""

    def read(self) -> Capacity:
        """Read pods and quotas now.

        Raises:
            ClusterError: The lists cannot be read, for a reason other than missing permissions.
        """
        found = read_capacity(self._client, self._clock, self._served())
        self._store(found)
        return found

    def start(self) -> None:
        """Start a background read, unless one is running or the last one is too recent.

        A failure is logged and changes nothing.
        """
        with self._lock:
            if self._reading or self._clock.monotonic() < self._not_before:
                return
            self._reading = True
            # This interval also applies after a failure.
            self._not_before = self._clock.monotonic() + _INTERVAL_S
        try:
            threads.start(self._refresh)
        except RuntimeError as error:  # no thread can be started
            self._reading = False
            log.warning("cannot refresh pods and quotas: %s", error)

    def _refresh(self) -> None:
        try:
            found = read_capacity(self._client, self._clock, self._served())
            self._change(lambda: self._store(found))
        except ClusterError as error:
            log.warning("cannot refresh pods and quotas: %s", error)
        except Exception as error:
            log.exception("cannot refresh pods and quotas")
            self._broke("the thread that reads pods and quotas", error)
        finally:
            self._reading = False

    def _store(self, found: Capacity) -> None:
        """Store the capacity that was read, unless the stored capacity is newer."""
        with self._lock:
            if self.newest is None or found.observed_at >= self.newest.observed_at:
                self.newest = found
