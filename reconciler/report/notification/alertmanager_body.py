"""``alertmanager_body``: renders notifications as alerts for Prometheus Alertmanager.

Alertmanager identifies an alert by its labels. An alert therefore keeps its labels when it is sent
again or the process restarts, so that Alertmanager sends only one message.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reconciler.escaping import printable, printable_lines
from reconciler.model.service.notification import NotificationKind
from reconciler.report.json_values import timestamp
from reconciler.report.notification.links import links_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from reconciler.model.service.notification import Notification, NotificationSubject
    from reconciler.model.service.receiver import NotifySettings

ENDS_AFTER = timedelta(minutes=5)
"""The time after which Alertmanager resolves an alert that is not sent again."""
_NAMES = {
    NotificationKind.START: "MemoryRolloutStarted",
    NotificationKind.END: "MemoryRolloutEnded",
    NotificationKind.FAILURE: "MemoryChangeFailed",
    NotificationKind.WAITS_FOR_PERSON: "MemoryChangeWaitsForPerson",
    NotificationKind.INVALID_COMMIT: "MemoryCommitInvalid",
}


def alertmanager_body(
    notifications: Iterable[Notification], settings: NotifySettings, now: datetime
) -> list[dict[str, Any]]:
    """Build the JSON values of one alert for each object of each notification.

    Args:
        notifications: New notifications, or notifications about problems that still exist.
        settings: The labels of all alerts, and the URL of the status page.
        now: The current time; the alerts end some minutes later unless they are sent again.
    """
    return [alert for each in notifications for alert in _alerts(each, settings, now)]


def _alerts(
    notification: Notification, settings: NotifySettings, now: datetime
) -> Iterator[dict[str, Any]]:
    links = links_of(notification, settings)
    ends_at = notification.at if notification.resolved else now + ENDS_AFTER
    base = {
        "startsAt": timestamp(notification.since),
        "endsAt": timestamp(max(ends_at, notification.since)),
        "generatorURL": links.get("details", ""),
    }
    common = {
        **settings.labels,
        "alertname": _NAMES[notification.kind],
        "event": str(notification.kind),
        "severity": str(notification.severity),
        "reason": notification.reason,
    }
    shared = {
        key: value
        for key, value in {
            "revision": notification.revision,
            "run_id": notification.run_id,
            "cluster_uid": notification.cluster,
            "runbook_url": links.get("reason", ""),
        }.items()
        if value
    }
    for each in notification.subjects:
        yield {
            **base,
            "startsAt": timestamp(each.since),
            "labels": {**common, **_identity(each)},
            "annotations": _of(each) | shared,
        }
    if notification.n_subjects > len(notification.subjects) or not notification.subjects:
        own = {"revision": notification.revision} if notification.revision else {}
        yield {
            **base,
            "labels": {**common, **own},
            "annotations": {
                "summary": printable(notification.title),
                "description": printable_lines(notification.text),
                **shared,
            },
        }


def _identity(subject: NotificationSubject) -> dict[str, str]:
    ref = subject.ref
    names = {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
    return {key: value for key, value in names.items() if value}


def _of(subject: NotificationSubject) -> dict[str, str]:
    texts = {
        "summary": f"{subject.ref.namespaced_name}: {subject.message}",
        "description": subject.message,
        "hint": subject.hint,
    }
    return {key: printable(value) for key, value in texts.items() if value}
