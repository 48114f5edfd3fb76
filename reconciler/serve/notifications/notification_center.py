"""``NotificationCenter``: sends each due notification once, also after a restart of the process.

The identifiers of the causes are stored on the Lease of ``serve`` before a notification is sent.
If the process ends between the two steps, the notification is lost, but never sent twice.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from reconciler.model.annotations import NOTIFIED
from reconciler.model.service.view import Role
from reconciler.serve.notifications.due import Reported, due
from reconciler.serve.notifications.reported_codec import decoded, encoded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.service.notification import Notification
    from reconciler.model.service.view import ServiceView
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

STORED_EVERY = timedelta(minutes=30)
"""How often the time at which a cause was last seen is stored, if nothing else changes."""


class AnnotatedLease(Protocol):
    """The Lease of ``serve``; the caller makes it safe for the thread that uses the center."""

    def annotations(self) -> Mapping[str, str]:
        """Return the Lease's annotations that have this program's prefix."""
        ...

    def annotate(self, annotations: Mapping[str, str | None]) -> bool:
        """Write annotations immediately, and return whether they are written."""
        ...


class Sender(Protocol):
    """Sends notifications in the background."""

    def send(self, notifications: tuple[Notification, ...]) -> None:
        """Queue notifications for all receivers, and return immediately."""
        ...

    def repeat(self, lasting: tuple[Notification, ...]) -> None:
        """Replace the problems that are repeated to receivers that expect repetitions."""
        ...


class NotificationCenter:
    """Compares each view with the reported causes; used by one thread.

    Args:
        lease: The Lease of ``serve``, which stores the reported causes.
        sender: Sends the notifications.
        clock: Returns the current time.
    """

    def __init__(self, lease: AnnotatedLease, sender: Sender, clock: Clock) -> None:
        self._lease, self._sender, self._clock = lease, sender, clock
        self._reported: Reported | None = None
        self._stored_at: datetime | None = None

    def update(self, view: ServiceView) -> None:
        """Send the notifications that a view makes due; call it every minute and on each change.

        Only the leader sends. Each new leader first reads what earlier leaders have sent.
        """
        if view.role is not Role.LEADER:
            if self._reported is not None:
                self._sender.repeat(())
            self._reported = None
            return
        reported = self._reported
        if reported is None:
            found = decoded(self._lease.annotations().get(NOTIFIED))
            if found.problem:
                log.warning("%s", found.problem)
            self._reported = reported = found.reported
            self._stored_at = self._clock.now()
        now = self._clock.now()
        found_due = due(replace(view, at=now), reported)
        outdated = self._stored_at is None or now - self._stored_at >= STORED_EVERY
        forgotten = reported.known.keys() - found_due.reported.known.keys()
        if found_due.notifications or forgotten or outdated:
            # Without the annotation, a restart would repeat the notifications.
            if not self._lease.annotate({NOTIFIED: encoded(found_due.reported)}):
                return
            self._stored_at = now
        self._reported = found_due.reported
        if found_due.notifications:
            self._sender.send(found_due.notifications)
        self._sender.repeat(found_due.lasting)
