"""``PushRelay``: forwards webhook requests to the leader among the ``serve`` replicas.

A Kubernetes Service sends each webhook request to one of several replicas, and only the leader
applies commits. A standby replica therefore writes the time of the webhook request to the
leader's Lease. The leader notices the change when it next renews the Lease.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Protocol

from reconciler.errors import ClusterError
from reconciler.model.annotations import PUSHED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.ports import Clock

log = logging.getLogger(__name__)


class LeaderLease(Protocol):
    """The leader's Lease, as this replica last read it."""

    @property
    def namespace(self) -> str:
        """The namespace of the leader's Lease, or an empty string before the first plan."""
        ...

    def leads(self) -> bool:
        """Return whether this process holds the leader's Lease."""
        ...

    def annotations(self) -> Mapping[str, str]:
        """Return the annotations that the leader last read from its Lease."""
        ...


class PushRelay:
    """Writes and reads the Lease annotation that says that a replica received a webhook request.

    Args:
        lease: The leader's Lease.
        write: Writes annotations to the Lease in a namespace, even if another process holds it.
        clock: Returns the time that is written.
        read_git: Starts a poll of the Git repository.
    """

    def __init__(
        self,
        lease: LeaderLease,
        write: Callable[[str, Mapping[str, str | None]], bool],
        clock: Clock,
        read_git: Callable[[], object],
    ) -> None:
        self._lease, self._write, self._clock = lease, write, clock
        self._read_git = read_git
        self._received = threading.Event()
        self._seen: str | None = None

    def pushed(self) -> None:
        """Record that a webhook request has arrived; any thread can call this method."""
        self._received.set()

    def step(self) -> None:
        """Forward webhook requests to the leader; if this process leads, poll Git for each one."""
        if self._lease.leads():
            # This process polls Git itself after the webhook requests that it receives.
            self._received.clear()
            note = self._lease.annotations().get(PUSHED)
            if note != self._seen:
                self._seen = note
                self._read_git()
        elif self._received.is_set() and self._lease.namespace:
            self._received.clear()
            self._tell()

    def _tell(self) -> None:
        at = self._clock.now().isoformat(timespec="milliseconds")
        try:
            written = self._write(self._lease.namespace, {PUSHED: at})
        except ClusterError as error:
            written = False
            log.debug("cannot forward a webhook request to the leader: %s", error)
        if not written:
            log.info(
                "a webhook request was not forwarded to the leader; the leader finds the push at "
                "its next Git poll"
            )
