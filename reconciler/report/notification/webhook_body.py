"""``webhook_body``: renders a notification as JSON for a webhook receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.escaping import printable, printable_lines
from reconciler.report.json_values import API_VERSION, identity, timestamp
from reconciler.report.notification.links import links_of

if TYPE_CHECKING:
    from reconciler.model.service.notification import Notification
    from reconciler.model.service.receiver import NotifySettings


def webhook_body(notification: Notification, settings: NotifySettings) -> dict[str, Any]:
    """Convert a notification to JSON values that conform to notification.schema.json."""
    links = links_of(notification, settings)
    return {
        "apiVersion": API_VERSION,
        "kind": "Notification",
        "id": notification.id,
        "event": str(notification.kind),
        "status": "resolved" if notification.resolved else "firing",
        "lasting": notification.lasting,
        "severity": str(notification.severity),
        "reason": notification.reason,
        "title": printable(notification.title),
        "text": printable_lines(notification.text),
        "since": timestamp(notification.since),
        "at": timestamp(notification.at),
        "cluster": notification.cluster,
        "revision": notification.revision or None,
        "runId": notification.run_id or None,
        "objects": [
            {
                **identity(each.ref),
                "message": printable(each.message),
                "hint": printable(each.hint),
            }
            for each in notification.subjects
        ],
        "objectCount": notification.n_subjects,
        "labels": dict(sorted(settings.labels.items())),
        "links": [{"name": name, "url": url} for name, url in links.items()],
    }
