"""``NotificationCenter``: sends each due notification once, even if the process restarts.

The identifiers of reported events and problems are stored in an annotation of the leader's Lease
before a notification is sent. If the process ends in between, the notification is lost, but
never sent twice.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from reconciler.model.annotations import NOTIFIED
from reconciler.model.service.view import Role
from reconciler.serve.notifications.due import Due, Reported, due
from reconciler.serve.notifications.reported_codec import decoded, encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from reconciler.model.service.notification import Notification, NotificationRecord
    from reconciler.model.service.view import ServiceView
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

STORED_EVERY = timedelta(minutes=30)
"""How often to store when each problem was last seen, if nothing else has changed."""
UNCHANGED = timedelta(seconds=30)
"""The maximum time between two checks for due notifications while the state is unchanged."""


class AnnotatedLease(Protocol):
    """The annotations of the leader's Lease; only the thread that renews the Lease uses them."""

    def annotations(self) -> Mapping[str, str]:
        """Return the Lease annotations that have this program's prefix."""
        ...

    def annotate(self, annotations: Mapping[str, str | None]) -> bool:
        """Write annotations to the Lease immediately, and return whether this succeeded."""
        ...


class Sender(Protocol):
    """Sends notifications in the background."""

    @property
    def is_open(self) -> bool:
        """Whether notifications can still be sent, which is false once the process is ending."""
        ...

    def send(self, notifications: tuple[Notification, ...]) -> None:
        """Queue notifications for all receivers, and return immediately."""
        ...

    def repeat(self, lasting: tuple[Notification, ...]) -> None:
        """Set which problems are sent again and again to receivers that expect repetitions."""
        ...

    def history(self) -> tuple[NotificationRecord, ...]:
        """Return the last notifications and their deliveries, newest first."""
        ...


class NotificationCenter:
    """Sends notifications for new events and problems of ``serve``; used by one thread.

    Args:
        lease: The leader's Lease, which stores the reported causes.
        sender: Sends the notifications.
        clock: Returns the current time.
        show: Called with the last notifications when they have changed.
    """

    def __init__(
        self,
        lease: AnnotatedLease,
        sender: Sender,
        clock: Clock,
        *,
        show: Callable[[tuple[NotificationRecord, ...]], None] = lambda _records: None,
    ) -> None:
        self._lease, self._sender, self._clock, self._show = lease, sender, clock, show
        self._reported = Reported()
        self._stored_at: datetime | None = None
        """When this process last stored the reported causes, or None after it lost the Lease."""
        self._leads, self._problem, self._bug = False, "", ""
        self._seen: tuple[ServiceView, datetime] | None = None

    def update(self, view: ServiceView) -> None:
        """Send the notifications that are due; called about once per second.

        Only the leader sends. Each new leader first reads what earlier leaders have sent. A bug
        is logged and has no other effect, because the caller's thread also renews the Lease.
        """
        try:
            self._update(view)
        except Exception as error:
            if self._bug != (bug := f"{type(error).__name__}: {error}"):
                self._bug = bug
                log.exception("notifications are delayed because of a bug in reconciler")

    def _update(self, view: ServiceView) -> None:
        if (records := self._sender.history()) != view.notifications:
            self._show(records)
        if view.role is not Role.LEADER:
            if self._leads:
                self._sender.repeat(())
            self._leads, self._stored_at, self._seen = False, None, None
            return
        if not self._sender.is_open:
            return  # the next leader sends what is due now
        now = self._clock.now()
        if self._seen is not None and self._seen[0] is view and now - self._seen[1] < UNCHANGED:
            return
        if self._stored_at is None:
            self._read()
        found = due(replace(view, at=now), self._reported)
        if not self._store(found, now):
            return
        self._leads, self._seen, self._reported = True, (view, now), found.reported
        if found.notifications:
            self._sender.send(found.notifications)
        self._sender.repeat(found.lasting)

    def _read(self) -> None:
        found = decoded(self._lease.annotations().get(NOTIFIED))
        if found.problem and found.problem != self._problem:
            log.warning("%s", found.problem)
        self._problem = found.problem
        self._reported = found.reported

    def _store(self, found: Due, now: datetime) -> bool:
        """Store the reported causes if they have changed; return False if this fails.

        Without the annotation, a restart would repeat the notifications.
        """
        forgotten = self._reported.known.keys() - found.reported.known.keys()
        outdated = self._stored_at is None or now - self._stored_at >= STORED_EVERY
        if not found.notifications and not forgotten and not (outdated and found.reported.known):
            return True
        if not self._lease.annotate({NOTIFIED: encoded(found.reported)}):
            return False
        self._stored_at = now
        return True
