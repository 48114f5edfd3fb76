"""``links_of``: returns the URLs of pages with details about a notification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import uri_path
from reconciler.model.service.notification import NotificationKind

if TYPE_CHECKING:
    from reconciler.model.service.notification import Notification
    from reconciler.model.service.receiver import NotifySettings

_WITHOUT_PAGE = frozenset({NotificationKind.START, NotificationKind.END})


def links_of(notification: Notification, settings: NotifySettings) -> dict[str, str]:
    """Map each link text to the URL of a page with details about a notification."""
    found = {}
    if settings.external_url:
        found["details"] = f"{settings.external_url}{uri_path(notification.path)}"
    own = f"{settings.external_url}/reasons" if settings.external_url else ""
    reasons = settings.docs_url or own
    if reasons and notification.kind not in _WITHOUT_PAGE and notification.subjects:
        found["reason"] = f"{reasons}/{uri_path(notification.reason)}"
    return found
