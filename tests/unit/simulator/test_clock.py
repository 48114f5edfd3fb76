"""Tests the clock of the simulated cluster."""

from datetime import datetime, timedelta, timezone

import pytest

from reconciler.simulator.clock import SimClock, rfc3339


def test_stepped_clock_moves_only_when_advanced():
    clock = SimClock(scale=None)
    start = clock.now()
    clock.advance(1.5)
    clock.advance_to(2.0)
    assert clock.now() - start == timedelta(seconds=2)
    assert clock.real_delay(3.0) == float("inf")
    assert clock.real_delay(2.0) == 0.0


def test_scaled_clock_runs_faster_than_real_time():
    clock = SimClock(scale=60.0)
    due = clock.monotonic() + 60.0
    assert 0.9 < clock.real_delay(due) <= 1.0


def test_stepped_clock_never_goes_back():
    clock = SimClock(scale=None)
    clock.advance(1)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance_to(0.5)
    with pytest.raises(RuntimeError, match="cannot be stepped"):
        SimClock(scale=2.0).advance(1)


@pytest.mark.parametrize("scale", [0, -1.0])
def test_clock_scale_must_be_positive(scale):
    with pytest.raises(ValueError, match="greater than 0"):
        SimClock(scale=scale)


def test_clock_epoch_requires_a_time_zone():
    with pytest.raises(ValueError, match="no time zone"):
        SimClock(epoch=datetime(2026, 1, 1))  # noqa: DTZ001  # that is the point


def test_timestamps_of_the_clock_are_in_utc():
    moment = datetime(2026, 1, 1, 1, 2, 3, 456789, tzinfo=timezone(timedelta(hours=1)))
    assert rfc3339(moment) == "2026-01-01T00:02:03Z"
