"""``BODIES``: the functions that render HTTP request bodies, one for each kind of receiver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.service.notification import Notification
from reconciler.model.service.receiver import NotifySettings, ReceiverKind
from reconciler.report.notification.alertmanager_body import alertmanager_body
from reconciler.report.notification.slack_body import slack_body
from reconciler.report.notification.webhook_body import webhook_body

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverBodies:
    """Renders HTTP request bodies for webhook and Slack receivers."""

    render: Callable[[Notification, NotifySettings], object]

    def one(self, notification: Notification, settings: NotifySettings, _now: datetime) -> object:
        """Render the request body for a new notification."""
        return self.render(notification, settings)

    def many(
        self, lasting: Sequence[Notification], settings: NotifySettings, _now: datetime
    ) -> object:
        """Render a list of notifications about problems that still exist."""
        return [self.render(each, settings) for each in lasting]


class AlertmanagerBodies:
    """Renders HTTP request bodies for Alertmanager, which are lists of alerts."""

    def one(self, notification: Notification, settings: NotifySettings, now: datetime) -> object:
        """Render the alerts for a new notification."""
        return alertmanager_body((notification,), settings, now)

    def many(
        self, lasting: Sequence[Notification], settings: NotifySettings, now: datetime
    ) -> object:
        """Render the alerts for problems that still exist."""
        return alertmanager_body(lasting, settings, now)


BODIES: Mapping[ReceiverKind, ReceiverBodies | AlertmanagerBodies] = {
    ReceiverKind.WEBHOOK: ReceiverBodies(render=webhook_body),
    ReceiverKind.SLACK: ReceiverBodies(render=slack_body),
    ReceiverKind.ALERTMANAGER: AlertmanagerBodies(),
}
