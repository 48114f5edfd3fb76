"""``NotificationHistory``: the last notifications of this process, and their delivery states."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from reconciler.model.service.notification import Delivery, DeliveryState, NotificationRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.service.notification import Notification

MOST_RECORDS = 200
"""The maximum number of notifications in the history; the oldest are deleted."""


class NotificationHistory:
    """Stores the newest notifications in memory; every method can be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[str, tuple[Notification, dict[str, Delivery]]] = OrderedDict()

    def add(self, notification: Notification, receivers: Iterable[str]) -> None:
        """Add a notification that waits to be sent to the given receivers."""
        queued = {name: Delivery(receiver=name, state=DeliveryState.QUEUED) for name in receivers}
        with self._lock:
            self._found[notification.id] = (notification, queued)
            self._found.move_to_end(notification.id)
            while len(self._found) > MOST_RECORDS:
                self._found.popitem(last=False)

    def update(self, notification: Notification, delivery: Delivery) -> None:
        """Update the state of a stored notification for one receiver."""
        with self._lock:
            if (found := self._found.get(notification.id)) is not None:
                found[1][delivery.receiver] = delivery

    def records(self) -> tuple[NotificationRecord, ...]:
        """Return the notifications with their state for each receiver, the newest first."""
        with self._lock:
            return tuple(
                NotificationRecord(notification=found, deliveries=tuple(deliveries.values()))
                for found, deliveries in reversed(self._found.values())
            )
