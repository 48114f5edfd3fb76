"""Tests when maintenance windows allow writes, also with clock changes and deny windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reconciler.model.desired.config import Window, WindowKind
from reconciler.model.quantity import Duration
from reconciler.plan.timing.windows import HORIZON, MOST_SPANS, Opening, opening

BERLIN = "Europe/Berlin"


def allow(cron, duration, time_zone="UTC", kind=WindowKind.ALLOW):
    return Window(kind=kind, cron=cron, duration=Duration.parse(duration), time_zone=time_zone)


def deny(cron, duration, time_zone="UTC"):
    return allow(cron, duration, time_zone, WindowKind.DENY)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def says(now, *windows):
    """Describe windows as ``open until …`` or ``closed, opens …``, with times in UTC."""
    found = opening(windows, utc(now))
    moment = found.until if found.is_open else found.opens
    text = moment.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00") if moment else "never"
    return f"{'open until' if found.is_open else 'closed, opens'} {text}"


NIGHTS = allow("0 22 * * 1-5", "4h", BERLIN)


@pytest.mark.parametrize(
    ("now", "windows", "expected"),
    [
        pytest.param("2026-11-23 12:00", (), "open until never", id="no window"),
        pytest.param(
            "2026-11-23 20:59:59", (NIGHTS,), "closed, opens 2026-11-23 21:00", id="closed"
        ),
        pytest.param("2026-11-23 21:00", (NIGHTS,), "open until 2026-11-24 01:00", id="start"),
        pytest.param(
            "2026-11-24 00:59:59", (NIGHTS,), "open until 2026-11-24 01:00", id="past midnight"
        ),
        pytest.param(
            "2026-11-24 01:00", (NIGHTS,), "closed, opens 2026-11-24 21:00", id="closed at its end"
        ),
        pytest.param(
            "2026-11-28 01:00", (NIGHTS,), "closed, opens 2026-11-30 21:00", id="weekend"
        ),
        pytest.param(
            "2026-11-23 22:00",
            (NIGHTS, deny("30 23 * * *", "15m", BERLIN)),
            "open until 2026-11-23 22:30",
            id="open until a deny",
        ),
        pytest.param(
            "2026-11-23 22:30",
            (NIGHTS, deny("30 23 * * *", "15m", BERLIN)),
            "closed, opens 2026-11-23 22:45",
            id="deny inside an allow",
        ),
        pytest.param(
            "2026-11-23 22:30",
            (NIGHTS, deny("30 23 * * *", "8h", BERLIN)),
            "closed, opens 2026-11-24 21:00",
            id="deny beyond the end of an allow",
        ),
        pytest.param(
            "2026-12-24 12:00",
            (NIGHTS, deny("0 0 20 12 *", "408h", BERLIN)),
            "closed, opens 2027-01-05 23:00",
            id="freeze over the new year",
        ),
        pytest.param(
            "2026-11-23 12:00",
            (deny("0 9 * * 1-5", "8h"),),
            "closed, opens 2026-11-23 17:00",
            id="only deny: closed",
        ),
        pytest.param(
            "2026-11-23 18:00",
            (deny("0 9 * * 1-5", "8h"),),
            "open until 2026-11-24 09:00",
            id="only deny: open",
        ),
        pytest.param(
            "2026-11-23 01:00",
            (allow("0 0 * * *", "2h"), allow("0 2 * * *", "2h"), allow("30 3 * * *", "1h")),
            "open until 2026-11-23 04:30",
            id="back to back and overlapping",
        ),
        pytest.param(
            "2026-11-23 00:30",
            (allow("0 0 * * *", "8h"), allow("0 1 * * *", "1h")),
            "open until 2026-11-23 08:00",
            id="one inside another",
        ),
        pytest.param(
            "2026-11-23 01:00", (allow("0 0 * * *", "24h"),), "open until never", id="always"
        ),
        pytest.param(
            "2026-11-23 12:00", (deny("0 * * * *", "1h"),), "closed, opens never", id="never"
        ),
        pytest.param(
            "2026-11-23 12:00",
            (allow("0 9 * * *", "8h"), deny("0 9 * * *", "8h")),
            "closed, opens never",
            id="a deny covers every allow",
        ),
        pytest.param(
            "2026-11-25 12:00",
            (allow("0 20 * * *", "72h"),),
            "open until never",
            id="a window that is longer than its period",
        ),
        pytest.param(
            "2026-02-01 12:00", (allow("0 0 31 * *", "1h"),), "closed, opens 2026-03-31 00:00",
            id="month without a 31st",
        ),
        pytest.param(
            "2026-02-01 12:00", (allow("0 0 L * *", "1h"),), "closed, opens 2026-02-28 00:00",
            id="last day of a month",
        ),
        pytest.param(
            "2026-01-31 23:30", (allow("0 23 31 * *", "2h"),), "open until 2026-02-01 01:00",
            id="over the end of a month",
        ),
        pytest.param(
            "2026-12-31 23:30", (allow("0 23 * * *", "2h"),), "open until 2027-01-01 01:00",
            id="over the end of a year",
        ),
        pytest.param(
            "2026-11-23 12:00", (allow("0 0 29 2 *", "1h"),), "closed, opens never",
            id="next leap year is beyond the horizon",
        ),
        pytest.param(
            "2026-11-23 12:00", (allow("0 0 * * *", "2500000h"),), "open until never",
            id="duration of a thousand years",
        ),
    ],
)  # fmt: skip
def test_allow_windows_and_deny_windows_together_determine_when_writes_are_allowed(
    now, windows, expected
):
    assert says(now, *windows) == expected


@pytest.mark.parametrize(
    ("now", "window", "expected"),
    [
        # 2026-03-29 in Berlin: clocks go from 02:00 to 03:00 at 01:00 UTC.
        pytest.param(
            "2026-03-29 00:59", ("30 2 * * *", "1h"), "closed, opens 2026-03-29 01:00",
            id="a skipped time opens at the next existing one",
        ),
        pytest.param(
            "2026-03-29 01:00", ("30 2 * * *", "1h"), "open until 2026-03-29 02:00",
            id="exactly at the change",
        ),
        pytest.param(
            "2026-03-29 01:30", ("30 2 * * *", "1h"), "open until 2026-03-29 02:00",
            id="during the window",
        ),
        pytest.param(
            "2026-03-29 00:30", ("0 1 * * *", "2h"), "open until 2026-03-29 02:00",
            id="two hours over the gap end at 04:00 local time",
        ),
        pytest.param(
            "2026-03-29 00:40", ("*/30 * * * *", "10m"), "closed, opens 2026-03-29 01:00",
            id="hourly windows continue after the gap",
        ),
        pytest.param(
            "2026-03-29 00:55", ("40 * * * *", "10m"), "closed, opens 2026-03-29 01:40",
            id="hourly windows in the gap are skipped",
        ),
        # 2026-10-25 in Berlin: clocks go from 03:00 to 02:00 at 01:00 UTC.
        pytest.param(
            "2026-10-24 23:59", ("30 2 * * *", "20m"), "closed, opens 2026-10-25 00:30",
            id="a repeated time opens the first time",
        ),
        pytest.param(
            "2026-10-25 01:30", ("30 2 * * *", "20m"), "closed, opens 2026-10-26 01:30",
            id="a repeated time does not open the second time",
        ),
        pytest.param(
            "2026-10-25 01:10", ("45 2 * * *", "1h"), "open until 2026-10-25 01:45",
            id="a window from 02:45 is open at the second 02:10",
        ),
        pytest.param(
            "2026-10-25 00:30", ("0 1 * * *", "3h"), "open until 2026-10-25 02:00",
            id="three hours over the fold end at 03:00 local time",
        ),
        pytest.param(
            "2026-10-25 01:01", ("*/30 * * * *", "10m"), "open until 2026-10-25 01:10",
            id="hourly windows open in both hours",
        ),
    ],
)  # fmt: skip
def test_maintenance_window_keeps_its_duration_when_daylight_saving_time_starts_or_ends(
    now, window, expected
):
    assert says(now, allow(*window, BERLIN)) == expected


def test_maintenance_window_state_does_not_depend_on_the_time_zone_of_the_given_time():
    now = datetime(2026, 11, 23, 22, 0, tzinfo=ZoneInfo(BERLIN))
    assert opening((NIGHTS,), now) == Opening(is_open=True, until=utc("2026-11-24 01:00"))


def test_change_fits_into_a_maintenance_window_if_it_ends_before_the_window_closes():
    now = utc("2026-11-23 21:00")
    nights = opening((NIGHTS,), now)
    assert nights.fits(now, 4 * 3600)
    assert not nights.fits(now, 4 * 3600 + 1)
    assert not nights.fits(utc("2026-11-24 00:00"), 3601)
    assert not nights.fits(now, float("inf"))
    assert opening((), now).fits(now, float("inf"))
    assert not opening((deny("0 0 * * *", "24h"),), now).fits(now, 0)


def test_search_for_the_next_maintenance_window_examines_a_limited_number_of_windows():
    now = utc("2026-11-23 12:00")
    every_minute = allow("* * * * *", "1m")
    found = opening((every_minute,), now)
    assert found.is_open
    assert timedelta(minutes=MOST_SPANS - 1) <= found.until - now < HORIZON
    denied = opening((deny("* * * * *", "1m"),), now)
    assert denied == Opening(is_open=False, opens=None)
    with_gaps = opening((deny("* * * * *", "59s"),), utc("2026-11-23 12:00:59"))
    assert with_gaps == Opening(is_open=True, until=utc("2026-11-23 12:01:00"))
