"""Whether windows let something be written now, until when, and when next; pure."""

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
"""How far ahead is looked: whatever recurs each year is found."""
MOST_SPANS = 5_000
"""So many windows of a kind are looked at, so that ``* * * * *`` does not cost seconds; what lies
behind them counts as closed."""

LONGEST_S = 100 * 366 * 86_400.0
"""A window that is longer, in seconds, counts as so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the windows say at one moment; times are in UTC."""

    is_open: bool
    until: datetime | None = None
    """Open: when it closes, or the last moment up to which it is known to stay open;
    None if that is beyond the horizon."""
    opens: datetime | None = None
    """Closed: when it opens next; None if it does not within the horizon."""

    def fits(self, now: datetime, seconds: float) -> bool:
        """Whether what begins *now* and takes *seconds*, infinity among them, ends in time."""
        if not self.is_open:
            return False
        return self.until is None or seconds <= (self.until - now).total_seconds()


class _Span(NamedTuple):
    """From *start* on, *end* not included; in UTC."""

    start: datetime
    end: datetime


def opening(windows: tuple[Window, ...], now: datetime) -> Opening:
    """What *windows* say at *now*.

    Without a window of kind allow everything is allowed. What a window of kind deny covers is
    closed, whatever allows it. A window lasts as long as it says in time that passes: one of 2h
    over a change of the clocks is two hours long. Windows that overlap or touch are one.

    Args:
        windows: Valid ones, as the configuration's check lets through.
        now: With a time zone.
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
    """Spans that do not touch, ascending, asked about moments that ascend as well."""

    def __init__(self, spans: Iterator[_Span]) -> None:
        self._spans = spans
        self._current = next(spans, None)

    def at_or_after(self, moment: datetime) -> _Span | None:
        """The span that holds *moment*, or the first after it."""
        while self._current is not None and self._current.end <= moment:
            self._current = next(self._spans, None)
        return self._current


def _joined(
    windows: Sequence[Window], now: datetime, limit: datetime, *, cut: datetime | None
) -> Iterator[_Span]:
    """The spans of all *windows* up to *limit*; those that overlap or touch are one.

    Args:
        windows: All of one kind.
        now: Spans that ended before are left out.
        limit: None begins after it.
        cut: The end of the last span where there are more than ``MOST_SPANS``; None for its own.
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
    """The one that began last, over or not, and those that follow up to *limit*."""
    schedule = Schedule.parse(window.cron, window.time_zone)
    length = timedelta(seconds=min(window.duration.seconds, LONGEST_S))
    last = schedule.latest(now)
    for start in chain([] if last is None else [last], schedule.after(now)):
        if start > limit:
            return
        yield _Span(start, start + length)
