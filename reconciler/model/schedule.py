"""When something recurs: a cron expression in a time zone, and the moments that it names."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELDS = 5
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_WRITE_CRON = (
    "write the five fields minute, hour, day of month, month and day of week, such as 0 22 * * 1-5"
)
_MARGIN = timedelta(hours=3)
"""Longer than any clock is set back or forward."""
_MINUTE = timedelta(minutes=1)


class ScheduleError(ValueError):
    """A text that is no cron expression or no time zone; after ``; `` it says what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Recurring moments, as Debian's cron has them.

    Where the clock is set forward, a moment that is left out comes at the first one there is;
    where it is set back, a fixed time comes once, at its first occurrence. An expression whose
    minute or hour begins with ``*`` goes by the time that passes.
    """

    cron: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, cron: str, time_zone: str) -> Schedule:
        """Read both.

        Raises:
            ScheduleError: One of them is not what it should be.
        """
        check_cron(cron)
        return cls(cron=cron, zone=zone_of(time_zone))

    def latest(self, moment: datetime) -> datetime | None:
        """The last one at or before *moment*, in UTC; None without one in 50 years."""
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
        """All after *moment*, in UTC and ascending; ends where there is none for 50 years."""
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        # Second occurrences, which wait until the first ones of later local times are done.
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
        """When the clock shows *wall*, in UTC: once, or, by the rules above, twice or never."""
        minute, hour, *_ = self.cron.split()
        fixed = not (minute.startswith("*") or hour.startswith("*"))
        while not self._shown(wall):
            if not fixed:
                return ()
            wall += _MINUTE
        first, second = (wall.replace(tzinfo=self.zone, fold=n).astimezone(UTC) for n in (0, 1))
        return (first,) if fixed or first == second else (first, second)

    def _shown(self, wall: datetime) -> bool:
        """Whether the clock shows *wall* at all."""
        instant = wall.replace(tzinfo=self.zone).astimezone(UTC)
        return instant.astimezone(self.zone).replace(tzinfo=None) == wall


def check_cron(text: str) -> None:
    """Raise ScheduleError unless *text* is a cron expression of five fields that ever occurs."""
    if len(text.split()) != _FIELDS:
        raise ScheduleError(f"{text!r} is no cron expression; {_WRITE_CRON}")
    try:
        first = next(CronSim(text, _ANY_TIME), None)
    except CronSimError as error:
        raise ScheduleError(
            f"{text!r} is no cron expression: {str(error).lower()}; {_WRITE_CRON}"
        ) from error
    if first is None:
        raise ScheduleError(f"{text!r} names a day that there never is; {_WRITE_CRON}")


def zone_of(name: str) -> ZoneInfo:
    """The time zone *name*.

    Raises:
        ScheduleError: IANA knows no such zone.
    """
    if name not in time_zones():
        raise ScheduleError(f"{name!r} is no time zone; write an IANA name such as Europe/Berlin")
    return ZoneInfo(name)


@cache
def time_zones() -> frozenset[str]:
    """The names that IANA gives time zones, in the version that is installed with us.

    What else a machine keeps beside its time zones, such as its own local time, is none.
    """
    names = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(names.split())
