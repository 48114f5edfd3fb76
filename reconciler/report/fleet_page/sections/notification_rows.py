"""``notification_rows``: renders the latest notifications and their receivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.model.service.notification import DeliveryState, NotificationSeverity
from reconciler.report.fleet_page.page_times import time_html

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.service.notification import Delivery, NotificationRecord
    from reconciler.model.service.view import ServiceView

MAX_ROWS = 10
"""The maximum number of notifications that the status page lists."""
_MAX_RECEIVERS = 20
_CLASSES = {NotificationSeverity.INFO: "none", NotificationSeverity.WARNING: "restart"}
"""Maps a notification's severity to the CSS class of its badge; others get an alert color."""


def notification_rows(view: ServiceView) -> Iterator[str]:
    """Render a table of the latest notifications; at most 10 are listed."""
    if not view.notifications:
        return
    yield '<table class="past"><caption>The last notifications, the newest first</caption>'
    yield "<thead><tr>"
    for title in ("Notification", "Event", "Receivers"):
        yield f'<th scope="col">{title}</th>'
    yield "</tr></thead><tbody>\n"
    yield from (_row(each, view) for each in view.notifications[:MAX_ROWS])
    yield "</tbody></table>\n"


def _row(record: NotificationRecord, view: ServiceView) -> str:
    found = record.notification
    event = "over" if found.resolved else found.kind.value
    badge = "live" if found.resolved else _CLASSES.get(found.severity, "blocked")
    receivers = ", ".join(map(_delivery, record.deliveries[:_MAX_RECEIVERS])) or "no receiver"
    return (
        f'<tr><th scope="row">{time_html(found.at, view.at)}'
        f"<small>{html_text(found.title, 200)}</small></th>"
        f'<td><span class="badge {badge}">{event}</span></td>'
        f"<td>{html_text(receivers, 600)}</td></tr>\n"
    )


def _delivery(delivery: Delivery) -> str:
    why = f" ({delivery.message})" if delivery.message else ""
    if delivery.state is DeliveryState.SENT:
        return f"{delivery.receiver}: sent"
    return f"{delivery.receiver}: {delivery.state}{why}"
