"""``slack_body``: renders a notification as a request body for Slack incoming webhooks.

Slack shows the field ``blocks``. The field ``text`` is for Slack's push notifications, and for
other chat programs that ignore ``blocks``, such as Mattermost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.escaping import printable
from reconciler.model.service.notification import NotificationSeverity
from reconciler.report.notification.links import links_of
from reconciler.report.wording import origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.service.notification import Notification
    from reconciler.model.service.receiver import NotifySettings

MOST_HEADER, MOST_TEXT, MOST_CONTEXT = 150, 3000, 2000
"""The maximum lengths of a Slack message's header, section text and context, in characters.

Source: Slack's documentation, "Reference: blocks", header and section. Slack documents no limit
for a context element, so this program sets its own.
"""
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BREAK = "\u200b"
_ICONS = {
    NotificationSeverity.INFO: ":information_source:",
    NotificationSeverity.WARNING: ":warning:",
    NotificationSeverity.CRITICAL: ":rotating_light:",
}


def slack_body(notification: Notification, settings: NotifySettings) -> dict[str, Any]:
    """Convert a notification to the JSON values of a Slack incoming webhook request.

    Text from Git or the cluster is escaped, so that it cannot add mentions, links or markup.
    """
    icon = ":white_check_mark:" if notification.resolved else _ICONS[notification.severity]
    title = _plain(notification.title)
    lines = [_escaped(line) for line in notification.text.split("\n")]
    context = " · ".join(_context(notification, settings))
    return {
        "text": _cut(f"{icon} {_escaped(title)}\n" + "\n".join(lines), MOST_TEXT),
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [
            {
                "type": "header",
                "text": {
                    "type": "plain_text",
                    "text": _cut(f"{icon} {title}", MOST_HEADER),
                    "emoji": True,
                },
            },
            {"type": "section", "text": _markup(_cut("\n".join(lines), MOST_TEXT))},
            {"type": "context", "elements": [_markup(_cut(context, MOST_CONTEXT))]},
        ],
    }


def _context(notification: Notification, settings: NotifySettings) -> Iterator[str]:
    yield f"{notification.kind}, {notification.severity}, {notification.reason}"
    if notification.revision:
        yield _escaped(origin(notification.revision, dirty=False))
    if notification.run_id:
        yield _escaped(f"run {notification.run_id}")
    for name, value in sorted(settings.labels.items()):
        yield _escaped(f"{name}: {value}")
    if not settings.labels and notification.cluster:
        yield _escaped(f"cluster {notification.cluster}")
    for name, url in links_of(notification, settings).items():
        yield f"<{url}|{name}>"


def _markup(text: str) -> dict[str, Any]:
    # With "verbatim", Slack does not convert plain text to links or mentions.
    return {"type": "mrkdwn", "text": text or "-", "verbatim": True}


def _plain(text: str) -> str:
    """Convert text to one line, and disable mentions in Slack, Mattermost and Rocket.Chat."""
    return printable(text).replace("@", f"@{_BREAK}")


def _escaped(text: str) -> str:
    """Convert text to one line, and escape the special characters of Slack's markup.

    Source: Slack's documentation, "Formatting text for app surfaces", section "Escaping text".
    """
    return "".join(_ESCAPES.get(each, each) for each in _plain(text))


def _cut(text: str, most: int) -> str:
    """Truncate text to *most* characters, without splitting an escape sequence."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    start = kept.rfind("&")
    if (
        start >= 0
        and ";" not in kept[start:]
        and len(kept) - start <= max(map(len, _ESCAPES.values()))
    ):
        kept = kept[:start]
    return f"{kept}…"
