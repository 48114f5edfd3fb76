"""Tests when two clocks disagree about whether a maintenance window is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.clock_difference import ClockDifference
from reconciler.model.desired.config import Window, WindowKind
from reconciler.model.quantity import Duration
from reconciler.model.references import vm_ref
from reconciler.plan.plan_policy import ALWAYS
from reconciler.plan.timing.clock_disagreement import clock_disagreement

NIGHT = (Window(kind=WindowKind.ALLOW, cron="0 22 * * *", duration=Duration.parse("2h")),)
NEEDS = {vm_ref("db", "pg-0"): 1800.0}


def clocks(server: str, local: str, *, year: int = 2026) -> ClockDifference:
    """Return a local and a server clock with the given times on a day in November."""
    server_time, local_time = (
        datetime.fromisoformat(f"{each}-11-23T{time}:00+00:00")
        for each, time in ((year, server), (2026, local))
    )
    return ClockDifference(server="api:6443", server_time=server_time, local_time=local_time)


@pytest.mark.parametrize(
    ("server", "local", "says"),
    [
        ("21:55", "22:05", "a maintenance window is open only according to this machine's clock"),
        (
            "22:05",
            "21:55",
            "a maintenance window is open only according to the API server's clock",
        ),
        (
            "23:55",
            "00:05",
            "a maintenance window is open only according to the API server's clock",
        ),
        (
            "23:27",
            "23:34",
            "db/pg-0 fits into the maintenance window only according to the API server's clock",
        ),
        (
            "23:34",
            "23:27",
            ("db/pg-0 fits into the maintenance window only according to this machine's clock"),
        ),
        ("22:10", "22:50", ""),
        ("23:40", "23:50", ""),
        ("12:00", "19:00", ""),
    ],
)
def test_clock_difference_that_affects_a_maintenance_window_is_reported_with_both_times(
    server, local, says
):
    dispute = clock_disagreement(clocks(server, local), NIGHT, NEEDS)
    if not says:
        assert dispute == ""
        return
    assert says in dispute
    for each in (f"api:6443 shows 2026-11-23 {server}:00 UTC", f"shows 2026-11-23 {local}:00 UTC"):
        assert each in dispute


def test_clock_difference_that_affects_no_maintenance_window_is_not_reported():
    assert clock_disagreement(None, NIGHT, NEEDS) == ""
    assert clock_disagreement(clocks("21:55", "22:05"), (), NEEDS) == ""
    assert clock_disagreement(clocks("21:55", "22:05"), ALWAYS, NEEDS) == ""


def test_maintenance_window_state_is_unknown_if_the_api_servers_time_is_implausible():
    dispute = clock_disagreement(clocks("22:10", "22:10", year=9999), NIGHT, NEEDS)
    assert "shows 9999-11-23 22:10:00 UTC" in dispute
    assert "it is unknown whether a maintenance window is open" in dispute


@pytest.mark.parametrize(
    ("apart", "says"),
    [
        (timedelta(minutes=6), "6 min"),
        (timedelta(hours=5), "5 h"),
        (timedelta(days=400), "400 days"),
    ],
)
def test_message_shows_a_clock_difference_in_minutes_hours_or_days(apart, says):
    now = datetime(2026, 11, 23, tzinfo=UTC)
    found = ClockDifference(server="api", server_time=now + apart, local_time=now)
    assert str(found).endswith(f"they differ by {says}")
