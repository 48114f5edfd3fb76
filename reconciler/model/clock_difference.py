"""``ClockDifference``: the difference between the API server's clock and the local clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

CLOCKS_DIFFER = "clocks-differ"
"""The code of the warning that two clocks disagree on whether a maintenance window is open."""
_YEARS = range(1970, 2200)


def plausible(time: datetime) -> bool:
    """Return whether a time is in a realistic year; other years could break calculations."""
    return time.year in _YEARS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockDifference:
    """The times of two clocks that might disagree on whether a maintenance window is open."""

    server: str
    """The API server's host and port."""
    server_time: datetime
    local_time: datetime
    """The time that the local machine's clock shows, in UTC."""

    def __str__(self) -> str:
        """Return a sentence with the times of both clocks and their difference."""
        apart_s = abs((self.server_time - self.local_time).total_seconds())
        return (
            f"the clock of the API server {self.server} shows {_shown(self.server_time)}, and "
            f"this machine's clock shows {_shown(self.local_time)}: they differ by "
            f"{_length(apart_s)}"
        )


def _shown(time: datetime) -> str:
    return f"{time.replace(tzinfo=None).isoformat(' ', 'seconds')} UTC"


def _length(seconds: float) -> str:
    for unit, n in (("days", 86_400), ("h", 3_600)):
        if seconds >= 2 * n:
            return f"{seconds / n:.0f} {unit}"
    return f"{seconds / 60:.0f} min"
