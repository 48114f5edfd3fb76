"""``CapacityRefresh``: stores the free capacity, and refreshes it in the background."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import wait
from typing import TYPE_CHECKING

from reconciler.cluster.api import threads
from reconciler.cluster.read.capacity_reader import read_capacity
from reconciler.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from reconciler.cluster.api.client import Client
    from reconciler.cluster.read.api_groups import ServedGroups
    from reconciler.model.live.capacity import Capacity
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

_INTERVAL_S = 10.0
"""The minimum interval between two lists of pods and quotas in the background, in seconds."""


class CapacityRefresh:
    """Lists pods and quotas, either immediately or in a single background thread.

    Args:
        served: Returns the API groups that the server serves, or None if each refresh must list
            them.
        change: Calls a function while holding the snapshot's lock, and wakes up waiting readers.
        broke: Called with an unexpected error of the background thread.
        scale: How many seconds of *clock* pass in one real second.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        served: Callable[[], ServedGroups | None],
        change: Callable[[Callable[[], None]], None],
        broke: Callable[[str, Exception], None],
        scale: float = 1.0,
    ) -> None:
        self._client, self._clock, self._scale = client, clock, scale
        self._served, self._change, self._broke = served, change, broke
        self._lock = threading.Lock()
        self._reading: Future[None] | None = None
        """The last refresh in the background, or None before the first one."""
        self._started_at = -_INTERVAL_S
        """The monotonic time when the last refresh in the background started."""
        self._error: ClusterError | None = None
        """The error of the last refresh in the background, or None if it succeeded."""
        self.newest: Capacity | None = None
        """The most recent free capacity, or None before the first successful refresh."""

    def read(self) -> Capacity:
        """List pods and quotas now, and return the free capacity.

        Raises:
            ClusterError: The lists cannot be read, for a reason other than missing permissions.
        """
        found = read_capacity(self._client, self._clock, self._served())
        self._store(found)
        return found

    def start(self, wait_s: float = 0.0) -> Capacity | None:
        """Refresh the free capacity in the background, unless a refresh is running or too recent.

        If the refresh fails, the failure is logged and the known capacity remains.

        Args:
            wait_s: The longest wait for the result, in seconds after the start of the refresh. A
                refresh that has been running for longer causes no wait.

        Returns:
            The newest capacity, or None if no refresh has succeeded yet.
        """
        reading = self._running()
        left_s = self._started_at + wait_s - self._clock.monotonic()
        if reading is not None and left_s > 0:
            wait((reading,), left_s / self._scale)
        return self.newest

    @property
    def problem(self) -> str:
        """Why no newer free capacity is known, as part of an error message."""
        if self._error is not None:
            return str(self._error)
        if self._reading is not None and not self._reading.done():
            return f"{self._client.host} has not responded to the list requests yet"
        return "no list request has been sent yet"

    def _running(self) -> Future[None] | None:
        """Return the running capacity refresh, or start one unless the last one is too recent."""
        with self._lock:
            now = self._clock.monotonic()
            if self._reading is not None and not self._reading.done():
                return self._reading
            # This interval also applies after a failure.
            if now - self._started_at < _INTERVAL_S:
                return None
            try:
                self._reading = threads.start(self._refresh)
            except RuntimeError as error:  # no thread can be started
                log.warning("cannot list pods and quotas again: %s", error)
                return None
            self._started_at = now
            return self._reading

    def _refresh(self) -> None:
        try:
            found = read_capacity(self._client, self._clock, self._served())
            self._change(lambda: self._store(found))
            self._error = None
        except ClusterError as error:
            self._error = error
            log.warning("cannot list pods and quotas again: %s", error)
        except Exception as error:
            log.exception("cannot list pods and quotas again")
            self._broke("the thread that reads pods and quotas", error)

    def _store(self, found: Capacity) -> None:
        """Store the free capacity from a refresh, unless the stored capacity is newer."""
        with self._lock:
            if self.newest is None or found.observed_at >= self.newest.observed_at:
                self.newest = found
