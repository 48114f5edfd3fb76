"""``NotifySettings``: to whom notifications are sent; the file of ``--notify`` contains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.model.service.notification import Notification, NotificationKind


class ReceiverKind(StrEnum):
    """The formats in which notifications are sent."""

    WEBHOOK = "webhook"
    """The JSON document of ``schemas/notification.schema.json``."""
    SLACK = "slack"
    """An incoming webhook of Slack, or of a chat with the same format, such as Mattermost."""
    ALERTMANAGER = "alertmanager"
    """Version 2 of the API of Prometheus' Alertmanager."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """One address to which notifications are sent."""

    name: str
    kind: ReceiverKind
    url: str = field(default="", repr=False)
    """The address, which may be a secret; empty if it is in ``url_file``."""
    url_file: str = ""
    """The path of the file that contains the address; empty if ``url`` is set."""
    headers_file: str = ""
    """The path of the file with HTTP headers, one ``Name: value`` a line; empty for none."""
    ca_file: str = ""
    """The path of the file with certificate authorities; empty for those of the system."""
    events: frozenset[NotificationKind] = frozenset(NotificationKind)
    """The kinds of notifications to send."""
    send_resolved: bool = True
    """Whether the end of a problem is sent, too."""

    def wants(self, notification: Notification) -> bool:
        """Return whether a notification is sent to this receiver."""
        over = notification.resolved and not self.send_resolved
        return notification.kind in self.events and not over


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """All receivers, and the settings that apply to all notifications."""

    receivers: tuple[Receiver, ...] = ()
    external_url: str = ""
    """The address at which people reach the page of ``serve``; empty for no links."""
    docs_url: str = ""
    """The address to which each reason links, without the code; empty for the page's own."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of all notifications, such as the name of the cluster."""
