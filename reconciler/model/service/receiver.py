"""``NotifySettings``: the contents of the ``--notify`` file: who receives notifications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.model.service.notification import Notification, NotificationKind


class ReceiverKind(StrEnum):
    """The formats in which notifications are sent."""

    WEBHOOK = "webhook"
    """A POST request with JSON that conforms to ``schemas/notification.schema.json``."""
    SLACK = "slack"
    """An incoming webhook of Slack, or of a chat system with the same format (Mattermost)."""
    ALERTMANAGER = "alertmanager"
    """The API v2 of the Prometheus Alertmanager."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A URL to which notifications are sent, with its settings."""

    name: str
    kind: ReceiverKind
    url: str = field(default="", repr=False)
    """The receiver's URL, which can be a secret; empty if a file contains the URL."""
    url_file: str = ""
    """The path of the file that contains the receiver's URL; empty if ``url`` is set."""
    headers_file: str = ""
    """The path of a file with HTTP headers, one ``Name: value`` per line; empty for no headers."""
    ca_file: str = ""
    """The path of a file with CA certificates; empty to use those of the operating system."""
    events: frozenset[NotificationKind] = frozenset(NotificationKind)
    """The kinds of notifications to send."""
    send_resolved: bool = True
    """Whether to send a notification when a problem is resolved."""

    def wants(self, notification: Notification) -> bool:
        """Return whether to send a notification to this receiver."""
        over = notification.resolved and not self.send_resolved
        return notification.kind in self.events and not over


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """All receivers of notifications, and the settings that apply to all notifications."""

    receivers: tuple[Receiver, ...] = ()
    external_url: str = ""
    """The URL at which users open the status pages of ``serve``; empty to send no links."""
    docs_url: str = ""
    """The URL of the reason code documentation; empty to link to the pages of ``serve``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that are added to all notifications, such as the name of the cluster."""
