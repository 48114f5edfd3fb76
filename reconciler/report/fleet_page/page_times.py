"""``time_html``: formats times in UTC for the status pages.

Times that change with each new plan are shown without seconds, so that open pages do not change
every second.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def time_html(at: datetime, now: datetime) -> str:
    """Format a time as HTML, with the date if it differs from today's date."""
    return f'<time datetime="{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}">{time_text(at, now)}</time>'


def time_text(at: datetime, now: datetime) -> str:
    """Format a time as ``09:30:12 UTC``, with the date if it differs from today's date."""
    day = "" if at.astimezone(UTC).date() == now.astimezone(UTC).date() else "%Y-%m-%d "
    return f"{at.astimezone(UTC):{day}%H:%M:%S} UTC"


def minute_text(at: datetime, now: datetime) -> str:
    """Format a time as ``09:30 UTC``, with the date if it differs from today's date."""
    day = "" if at.astimezone(UTC).date() == now.astimezone(UTC).date() else "%Y-%m-%d "
    return f"{at.astimezone(UTC):{day}%H:%M} UTC"
