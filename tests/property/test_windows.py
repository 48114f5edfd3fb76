"""Compares maintenance windows with a check of every minute, including at clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.desired.config import Window, WindowKind
from reconciler.model.quantity import Duration
from reconciler.plan.timing.windows import opening

MINUTE = timedelta(minutes=1)
FIRST_DAYS = {
    "Europe/Berlin": [datetime(2026, 3, 28), datetime(2026, 10, 24)],  # noqa: DTZ001 - local
    "America/New_York": [datetime(2026, 3, 7), datetime(2026, 10, 31)],  # noqa: DTZ001 - local
    "Australia/Lord_Howe": [datetime(2026, 4, 4), datetime(2026, 10, 3)],  # noqa: DTZ001 - local
    "Africa/Cairo": [datetime(2026, 4, 23), datetime(2026, 10, 29)],  # noqa: DTZ001 - local
    "Asia/Kolkata": [datetime(2026, 2, 27)],  # noqa: DTZ001 - local
}
"""Maps time zones to the first tested days, shortly before a clock change or a month's end."""
DAYS, BEFORE, AFTER = 3, 2, 4
"""The number of tested days, and the numbers of days to search before and after them."""

minutes = st.sampled_from(["0", "30", "5-59/10", "15,45", "*/20"])
hours = st.sampled_from(["0", "1", "2", "3", "1-3", "22", "*", "*/2"])
weekdays = st.sampled_from(["*", "6", "0", "1-5"])
durations = st.sampled_from([5, 20, 30, 60, 90, 240, 1440, 1500])


@st.composite
def cases(draw):
    zone = draw(st.sampled_from(sorted(FIRST_DAYS)))
    start = draw(st.sampled_from(FIRST_DAYS[zone]))
    windows = draw(
        st.lists(
            st.builds(
                Window,
                kind=st.sampled_from(WindowKind),
                cron=st.builds("{} {} * * {}".format, minutes, hours, weekdays),
                duration=durations.map(lambda n: Duration.parse(f"{n}m")),
                time_zone=st.just(zone),
            ),
            min_size=1,
            max_size=3,
        )
    )
    begin = start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return tuple(windows), begin, begin + MINUTE * draw(st.integers(0, DAYS * 1440))


def members(field, low, high):
    """Return the numbers that a cron field selects, computed without the product's code."""
    found = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        found |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return found


@cache
def clock(zone, begin, count):
    """Return the local time in a time zone at each of a number of consecutive minutes."""
    return [(begin + MINUTE * n).astimezone(ZoneInfo(zone)) for n in range(count)]


def begins(window, begin, end):
    """Return the moments in a period, in UTC, at which a maintenance window opens."""
    minute, hour, _, _, weekday = window.cron.split()
    wanted = members(minute, 0, 59), members(hour, 0, 23), members(weekday, 0, 6)

    def matches(local):
        return (
            local.minute in wanted[0]
            and local.hour in wanted[1]
            and local.isoweekday() % 7 in wanted[2]
        )

    count = (end - begin) // MINUTE
    shown = clock(window.time_zone, begin, count)
    if minute.startswith("*") or hour.startswith("*"):
        return {each.astimezone(UTC) for each in shown if matches(each)}
    named = {each.replace(tzinfo=None): each.astimezone(UTC) for each in reversed(shown)}
    wall, last = (each.replace(tzinfo=None) for each in (shown[0], shown[-1]))
    found = set()
    while wall <= last:
        if matches(wall):
            shows = wall
            # If the clock skips that minute, the window opens at the next minute that exists.
            while shows not in named:
                shows += MINUTE
            found.add(named[shows])
        wall += MINUTE
    return found


def open_minutes(windows, begin, end):
    """Return for each minute between two moments whether maintenance windows allow writes."""
    count = (end - begin) // MINUTE
    states = {}
    for kind in WindowKind:
        inside = [False] * count
        for window in windows:
            if window.kind is kind:
                length = int(window.duration.seconds // 60)
                for start in begins(window, begin, end):
                    first = (start - begin) // MINUTE
                    inside[first : first + length] = [True] * len(inside[first : first + length])
        states[kind] = inside
    some_allow = any(each.kind is WindowKind.ALLOW for each in windows)
    return [
        (allowed or not some_allow) and not denied
        for allowed, denied in zip(states[WindowKind.ALLOW], states[WindowKind.DENY], strict=True)
    ]


@settings(max_examples=40, deadline=None)
@given(cases())
def test_maintenance_window_times_equal_those_found_by_checking_every_minute(case):
    windows, begin, now = case
    first, end = begin - timedelta(days=BEFORE), begin + timedelta(days=DAYS + AFTER)
    states = open_minutes(windows, first, end)
    at = (now - first) // MINUTE
    changes = (n for n in range(at, len(states)) if states[n] is not states[at])
    change = next(changes, None)
    found = opening(windows, now)
    assert found.is_open is states[at]
    moment = found.until if found.is_open else found.opens
    if change is None:
        assert moment is None or moment >= end
    else:
        assert moment == first + MINUTE * change


@settings(max_examples=60, deadline=None)
@given(cases(), st.floats(0, 10 * 86_400))
def test_change_starts_in_a_maintenance_window_only_if_the_change_ends_before_the_window_closes(
    case, seconds
):
    windows, _, now = case
    found = opening(windows, now)
    if found.fits(now, seconds):
        for share in (0.0, 0.3, 0.7, 1.0):
            within = now + timedelta(seconds=seconds * share) - timedelta(microseconds=share > 0)
            assert opening(windows, max(now, within)).is_open
    elif found.is_open:
        assert not opening(windows, found.until).is_open
