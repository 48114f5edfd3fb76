"""``Schedule``: recurring times, defined by a cron expression and a time zone."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from reconciler.model.quoting import kind_of, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELDS = 5
_MAX_LENGTH = 1_000
"""The maximum number of characters in a cron expression."""
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_WRITE_CRON = (
    "write the five fields minute, hour, day of month, month and day of week, such as 0 22 * * 1-5"
)
_MARGIN = timedelta(hours=3)
"""A time span that is longer than any clock change for daylight saving time."""
_MINUTE = timedelta(minutes=1)


class ScheduleError(ValueError):
    """Raised for an invalid cron expression or time zone; the message says what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Recurring times, according to the rules of Debian's cron.

    A time is fixed unless the minute or the hour in the cron expression starts with ``*``. If a
    clock change skips a fixed time, the schedule uses the first time after the gap. If a clock
    change repeats a fixed time, the schedule uses only the first occurrence. Times that are not
    fixed are skipped or repeated.
    """

    cron: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, cron: str, time_zone: str) -> Schedule:
        """Create a schedule from a cron expression and the name of a time zone.

        Raises:
            ScheduleError: The expression or the time zone is invalid.
        """
        check_cron(cron)
        return cls(cron=cron, zone=zone_of(time_zone))

    def latest(self, moment: datetime) -> datetime | None:
        """Return the last scheduled time up to a moment, in UTC.

        The result is None if no time is scheduled in the 50 years before the moment.
        """
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        found: list[datetime] = []
        stop: datetime | None = None
        for wall in CronSim(self.cron, local + _MARGIN, reverse=True):
            if stop is not None and wall < stop:
                break
            found += [each for each in self._instants(wall) if each <= moment]
            if found and stop is None:
                stop = wall - _MARGIN
        return max(found, default=None)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield all scheduled times after a moment, in UTC and in ascending order.

        The iteration stops after 50 years without a scheduled time.
        """
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        # Second occurrences, which come after the first occurrences of later local times.
        waiting: list[datetime] = []
        for wall in CronSim(self.cron, local - _MARGIN):
            for each in self._instants(wall):
                heapq.heappush(waiting, each)
            first = wall.replace(tzinfo=self.zone).astimezone(UTC)
            while waiting and waiting[0] <= first:
                if (each := heapq.heappop(waiting)) > moment:
                    yield each
        yield from (each for each in sorted(waiting) if each > moment)

    def _instants(self, wall: datetime) -> tuple[datetime, ...]:
        """Return the UTC times of a scheduled local time; a clock change can skip or repeat it."""
        minute, hour, *_ = self.cron.split()
        fixed = not (minute.startswith("*") or hour.startswith("*"))
        while not self._shown(wall):
            if not fixed:
                return ()
            wall += _MINUTE
        first, second = (wall.replace(tzinfo=self.zone, fold=n).astimezone(UTC) for n in (0, 1))
        return (first,) if fixed or first == second else (first, second)

    def _shown(self, wall: datetime) -> bool:
        """Return whether a local time exists; daylight saving time skips some local times."""
        instant = wall.replace(tzinfo=self.zone).astimezone(UTC)
        return instant.astimezone(self.zone).replace(tzinfo=None) == wall


def check_cron(text: str) -> None:
    """Raise ScheduleError unless a string is a cron expression that matches at least one time."""
    if len(text) > _MAX_LENGTH:
        raise ScheduleError(
            f"{kind_of(text)} is not a cron expression: at most {_MAX_LENGTH} characters are "
            f"allowed; {_WRITE_CRON}"
        )
    if len(text.split()) != _FIELDS:
        raise ScheduleError(f"{kind_of(text)} is not a cron expression; {_WRITE_CRON}")
    try:
        first = next(CronSim(text, _ANY_TIME), None)
    except CronSimError as error:
        raise ScheduleError(
            f"{kind_of(text)} is not a cron expression: {str(error).lower()}; {_WRITE_CRON}"
        ) from error
    if first is None:
        raise ScheduleError(
            f"the cron expression {quoted(text)} never matches a time; {_WRITE_CRON}"
        )


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone with the given IANA name.

    Raises:
        ScheduleError: IANA has no such time zone.
    """
    if name not in time_zones():
        raise ScheduleError(
            f"{kind_of(name)} is not a time zone; write an IANA name such as Europe/Berlin"
        )
    return ZoneInfo(name)


@cache
def time_zones() -> frozenset[str]:
    """Return the IANA names of time zones in the installed version of tzdata.

    Other names that the operating system accepts, such as localtime, are omitted.
    """
    names = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(names.split())
