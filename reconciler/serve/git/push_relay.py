"""``PushRelay``: forwards webhooks to the replica that leads.

A Service sends each webhook to one of several replicas, and only the leader applies commits. A
replica that does not lead therefore writes the time of the webhook to the Lease of the leader,
which notices the change at its next renewal.
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
    """The Lease of the leader, as one replica has last read it."""

    @property
    def namespace(self) -> str:
        """The namespace of the Lease; empty before the first plan."""
        ...

    def leads(self) -> bool:
        """Return whether this process holds the Lease."""
        ...

    def annotations(self) -> Mapping[str, str]:
        """Return the Lease's annotations, as the holder has last read them."""
        ...


class PushRelay:
    """Writes and reads the annotation that says that a replica has received a webhook.

    Args:
        lease: The Lease of the leader.
        write: Writes annotations to the Lease in a namespace, although another process holds it.
        clock: Returns the time that is written.
        read_git: Starts a read of the repository.
    """

    def __init__(
        self,
        lease: LeaderLease,
        write: Callable[[str, Mapping[str, str | None]], bool],
        clock: Clock,
        read_git: Callable[[], None],
    ) -> None:
        self._lease, self._write, self._clock = lease, write, clock
        self._read_git = read_git
        self._received = threading.Event()
        self._seen: str | None = None

    def pushed(self) -> None:
        """Note that a webhook has arrived; may be called from any thread."""
        self._received.set()

    def step(self) -> None:
        """Forward a webhook, or react to a forwarded one; one thread calls this each second."""
        if self._lease.leads():
            # This process reads the repository by itself for the webhooks that it receives.
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
            log.debug("cannot forward a webhook to the leader: %s", error)
        if not written:
            log.info("a webhook was not forwarded; the leader finds the push at its next poll")
