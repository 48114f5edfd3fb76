"""``time_bar``: draws a bar that shows when memory changes are expected to end."""

from __future__ import annotations

_WIDTH = 1000
"""The width of the time axis, in units of the SVG view box."""


def time_bar(first_s: float, last_s: float, latest_s: float, end_s: float) -> str:
    """Draw a bar as SVG on a time axis from 0 to *end_s* seconds.

    The first path goes from the earliest end of the first change (*first_s*) to the earliest end
    of the last change (*last_s*). The second path goes on to the latest end (*latest_s*).
    """
    first, last, latest = (
        round(each * _WIDTH / end_s) if end_s else 0 for each in (first_s, last_s, latest_s)
    )
    full = max(last - first, 6)
    pale = max(latest - first - full, 0)
    return (
        f'<svg class="time" viewBox="0 0 {_WIDTH} 12" preserveAspectRatio="none" aria-hidden=true>'
        f'<path d="M{first} 6h{full}"/><path d="M{first + full} 6h{pale}"/>'
        "</svg>"
    )
