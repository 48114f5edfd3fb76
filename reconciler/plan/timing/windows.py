"""``opening``: computes when maintenance windows open and close."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.desired.config import WindowKind
from reconciler.model.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.desired.config import Window

HORIZON = timedelta(days=366)
"""How far ahead to search for maintenance windows: far enough to find a yearly window."""
MOST_SPANS = 5_000
"""The maximum number of maintenance windows per kind that are evaluated.

Later windows are ignored, because ``* * * * *`` would otherwise take seconds to evaluate.
"""

LONGEST_S = 100 * 366 * 86_400.0
"""The maximum length of a maintenance window in seconds; longer windows are shortened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Whether the configured maintenance windows allow writes at one moment; times are in UTC."""

    is_open: bool
    until: datetime | None = None
    """When the open maintenance window closes; None if it stays open beyond ``HORIZON``."""
    opens: datetime | None = None
    """When the next maintenance window opens; None if one is open or none opens in a year."""

    def fits(self, now: datetime, seconds: float) -> bool:
        """Return whether a change that starts now ends before the maintenance window closes."""
        if not self.is_open:
            return False
        return self.until is None or seconds <= (self.until - now).total_seconds()


class _Span(NamedTuple):
    """A span of time in UTC that includes its start but not its end."""

    start: datetime
    end: datetime


def opening(windows: tuple[Window, ...], now: datetime) -> Opening:
    """Return whether the configured maintenance windows allow writes now, and until when.

    Without a window of kind allow, writes are always allowed. Windows of kind deny have precedence
    over windows of kind allow. A window's duration is elapsed time: a window of 2h is two
    hours long even when the clocks change. Windows that overlap or touch count as one.
    """
    if not windows:
        return Opening(is_open=True)
    now = now.astimezone(UTC)
    limit = now + HORIZON
    allowing = [each for each in windows if each.kind is WindowKind.ALLOW]
    denying = [each for each in windows if each.kind is WindowKind.DENY]
    everything = iter([_Span(now, limit)])
    allowed = _Cover(_joined(allowing, now, limit, cut=None) if allowing else everything)
    denied = _Cover(_joined(denying, now, limit, cut=limit))
    moment = now
    while moment < limit:
        allow, deny = allowed.at_or_after(moment), denied.at_or_after(moment)
        if allow is None:
            break
        if allow.start > moment:
            moment = allow.start
        elif deny is not None and deny.start <= moment:
            moment = deny.end
        elif moment > now:
            return Opening(is_open=False, opens=moment)
        else:
            until = min(allow.end, deny.start) if deny else allow.end
            return Opening(is_open=True, until=until if until < limit else None)
    return Opening(is_open=False)


class _Cover:
    """A sorted sequence of disjoint time spans, searched in ascending order of time."""

    def __init__(self, spans: Iterator[_Span]) -> None:
        self._spans = spans
        self._current = next(spans, None)

    def at_or_after(self, moment: datetime) -> _Span | None:
        """Return the time span that contains a given moment, or else the next time span."""
        while self._current is not None and self._current.end <= moment:
            self._current = next(self._spans, None)
        return self._current


def _joined(
    windows: Sequence[Window], now: datetime, limit: datetime, *, cut: datetime | None
) -> Iterator[_Span]:
    """Yield the merged time spans of several maintenance windows, between two moments.

    If the windows have more than ``MOST_SPANS`` spans, the last yielded span ends at *cut*, unless
    *cut* is None.
    """
    current: _Span | None = None
    spans = heapq.merge(*(_spans(each, now, limit) for each in windows))
    for n, span in enumerate(spans):
        if n >= MOST_SPANS:
            yield _Span(current.start if current else span.start, cut) if cut else current or span
            return
        if current is not None and span.start > current.end:
            yield current
            current = span
        else:
            current = _Span(
                current.start if current else span.start,
                max(current.end, span.end) if current else span.end,
            )
    if current is not None:
        yield current


def _spans(window: Window, now: datetime, limit: datetime) -> Iterator[_Span]:
    """Yield a maintenance window's last time span that started before now, and all later spans."""
    schedule = Schedule.parse(window.cron, window.time_zone)
    length = timedelta(seconds=min(window.duration.seconds, LONGEST_S))
    last = schedule.latest(now)
    for start in chain([] if last is None else [last], schedule.after(now)):
        if start > limit:
            return
        yield _Span(start, start + length)
