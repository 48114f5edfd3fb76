"""``links_of``: returns the pages with details about a notification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import uri_path
from reconciler.model.service.notification import NotificationKind

if TYPE_CHECKING:
    from reconciler.model.service.notification import Notification

_WITHOUT_PAGE = frozenset({NotificationKind.START, NotificationKind.END})


def links_of(notification: Notification, external_url: str) -> dict[str, str]:
    """Return the name and the address of each page; none without the address of the page.

    Args:
        notification: The notification.
        external_url: The address of the page of ``serve``, without a final slash.
    """
    if not external_url:
        return {}
    found = {"details": f"{external_url}{uri_path(notification.path)}"}
    if notification.kind not in _WITHOUT_PAGE and notification.subjects:
        found["reason"] = f"{external_url}/reasons/{uri_path(notification.reason)}"
    return found
