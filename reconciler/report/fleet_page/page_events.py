"""``change_event``: builds the server-sent event that updates an open status page.

The event tells the page to reload if its content would be too large, or if the server does not
know which state the page shows. Therefore, no page stays outdated after a lost event.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.escaping import printable

if TYPE_CHECKING:
    from reconciler.report.fleet_page.page_state import PageState

MAX_BYTES = 48 * 1024
"""The maximum size of one server-sent event in bytes."""
MAX_CELLS = 250
"""The maximum number of VMs in one server-sent event."""
MAX_NEWS = 3
"""The maximum number of sentences that a screen reader announces for one update of the page."""
_MAX_TEXT = 200


def change_event(before: PageState | None, after: PageState) -> bytes:
    """Build the server-sent event for the differences between two states of the status pages.

    The event contains the HTML of the changed parts, and the URL, CSS class and title of each
    changed cell in the grid of VMs. If only a VM's own page has changed, its entry contains only
    the URL. If *before* is None, the event tells every page to reload. If the states are equal,
    the result is empty.
    """
    if before is None:
        return _event({"all": True})
    changed = _changed_vms(before, after)
    parts = [html for name, html in after.parts.items() if html != before.parts[name]]
    same_vms = before.cells.keys() == after.cells.keys()
    if not changed and not parts and same_vms:
        return b""
    known = frozenset(before.news)
    said = [printable(each, _MAX_TEXT) for each in after.news if each not in known]
    news = {"say": ". ".join(said[:MAX_NEWS])} if said else {}
    if same_vms and len(changed) <= MAX_CELLS:
        event = _event({**news, "cells": changed, "parts": parts})
        if len(event) <= MAX_BYTES:
            return event
    return _event({**news, "all": True})


def _changed_vms(before: PageState, after: PageState) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for key, cell in after.cells.items():
        if cell != before.cells.get(key):
            name, title = cell
            found.append((key, name, printable(title, 300)))
        elif after.sources[key] != before.sources.get(key):
            found.append((key,))
    return found


def _event(document: dict[str, Any]) -> bytes:
    """Format a server-sent event; the JSON has no newline, which would end the event's data."""
    return f"event: change\ndata: {json.dumps(document, separators=(',', ':'))}\n\n".encode()
