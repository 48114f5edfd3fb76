"""Tests the system clock, the scaled clock, and the clock corrected by the API server."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from support.fake_ports import FakeClock

from reconciler.app.clock import ScaledClock, ServerClock, SystemClock

EPOCH = datetime(2026, 11, 23, tzinfo=UTC)


def test_system_clock_has_a_time_zone_and_runs_forward():
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.001)
    assert clock.monotonic() > before
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 5


@pytest.mark.parametrize("seconds", [0, -1])
def test_system_clock_sleep_of_zero_or_less_returns_immediately(seconds):
    SystemClock().sleep(seconds)
    ScaledClock(epoch=EPOCH, scale=10).sleep(seconds)


def test_scaled_clock_starts_at_a_given_time_and_runs_faster_than_real_time():
    began = time.monotonic()
    clock = ScaledClock(epoch=EPOCH, scale=1000)
    clock.sleep(10)
    real = time.monotonic() - began
    assert 10 <= clock.monotonic() <= real * 1000 + 1000
    assert real < 5
    assert (clock.now() - EPOCH).total_seconds() >= 10


@pytest.mark.parametrize("scale", [0, -1])
def test_scaled_clock_rejects_a_speed_of_zero_or_less(scale):
    with pytest.raises(ValueError, match="is not greater than zero"):
        ScaledClock(epoch=EPOCH, scale=scale)


def test_scaled_clock_rejects_a_start_time_without_a_time_zone():
    with pytest.raises(ValueError, match="has no time zone"):
        ScaledClock(epoch=EPOCH.replace(tzinfo=None), scale=1)


def test_function_that_a_thread_gives_to_the_clock_is_called_each_second_while_the_thread_sleeps():
    base, seen = FakeClock(), []
    clock, start = ServerClock(base), base.monotonic()

    def other_thread():
        clock.sleep(10)

    with clock.meanwhile(lambda: seen.append(base.monotonic() - start)):
        clock.sleep(2.5)
        other = threading.Thread(target=other_thread)
        other.start()
        other.join()
    clock.sleep(10)
    assert seen == [1.0, 2.0, 2.5]
    assert base.monotonic() - start == 22.5


def ahead_s_after(
    clock: ServerClock, base: FakeClock, ahead_s: float, took_s: float = 0.1
) -> float:
    """Return how many seconds *clock* is ahead of *base* after a server response.

    The date in the response is *ahead_s* ahead of *base*.
    """
    asked_at = base.seconds
    written = base.now() + timedelta(seconds=took_s / 2 + ahead_s)
    base.sleep(took_s)
    clock.adjust(written.replace(microsecond=0), asked_at=asked_at, server="api:6443")
    return (clock.now() - base.now()).total_seconds()


@pytest.mark.parametrize("ahead_s", [-600.0, -3.0, 3.0, 86_400.0])
def test_api_server_time_corrects_the_time_of_day_but_not_the_monotonic_time(ahead_s):
    base = FakeClock()
    clock = ServerClock(base)
    assert ahead_s_after(clock, base, ahead_s) == pytest.approx(ahead_s, abs=0.6)
    assert clock.monotonic() == base.monotonic() == 0.1
    clock.sleep(5.0)
    assert base.monotonic() == pytest.approx(5.1)


@pytest.mark.parametrize("ahead_s", [-1.4, 0.0, 1.4])
def test_clock_corrected_by_the_api_server_ignores_differences_below_two_seconds(ahead_s):
    base = FakeClock()
    assert ahead_s_after(ServerClock(base), base, ahead_s) == 0.0


def test_clock_corrected_by_the_api_server_ignores_slow_responses():
    base = FakeClock()
    assert ahead_s_after(ServerClock(base), base, 600.0, took_s=1.1) == 0.0


def test_clock_corrected_by_the_api_server_ignores_a_single_deviating_response():
    base = FakeClock()
    clock = ServerClock(base)
    assert [ahead_s_after(clock, base, each) for each in (0.0, 0.0, 0.0, 600.0, 0.0)] == [0.0] * 5
    for _ in range(3):
        ahead_s_after(clock, base, 600.0)
    assert ahead_s_after(clock, base, 600.0) == pytest.approx(600.0, abs=0.6)


@pytest.mark.parametrize(("ahead_s", "side"), [(600.0, "behind"), (-600.0, "ahead of")])
def test_clock_corrected_by_the_api_server_warns_once_about_a_large_difference(
    ahead_s, side, caplog
):
    caplog.set_level(logging.WARNING)
    base = FakeClock()
    clock = ServerClock(base)
    ahead_s_after(clock, base, 20.0)
    assert caplog.messages == []
    for each in (ahead_s, ahead_s, ahead_s, 2 * ahead_s, 2 * ahead_s, 2 * ahead_s):
        ahead_s_after(clock, base, each)
    (message,) = caplog.messages
    assert f"s {side} the API server's" in message


@pytest.mark.parametrize(("ahead_s", "differs"), [(290.0, False), (-290.0, False), (310.0, True)])
def test_clock_corrected_by_the_api_server_reports_a_difference_above_five_minutes(
    ahead_s, differs
):
    base = FakeClock()
    clock = ServerClock(base)
    assert clock.difference() is None
    ahead_s_after(clock, base, ahead_s)
    found = clock.difference()
    assert (found is not None) == differs
    if found:
        assert (found.server, found.local_time) == ("api:6443", base.now())
        assert (found.server_time - found.local_time).total_seconds() == pytest.approx(310, abs=1)


def test_slow_response_shows_a_large_clock_difference_but_does_not_correct_the_clock():
    base = FakeClock()
    clock = ServerClock(base)
    ahead_s_after(clock, base, 600.0, took_s=1.1)
    assert clock.now() == base.now()
    assert "they differ by 10 min" in str(clock.difference())


class JumpingClock(FakeClock):
    """A clock whose time of day a test can set."""

    ahead = timedelta()

    def now(self):
        return super().now() + self.ahead


def test_clock_corrected_by_the_api_server_ignores_a_jump_of_the_local_clock():
    base = JumpingClock()
    clock = ServerClock(base)
    ahead_s_after(clock, base, 10.0)
    before = clock.now()
    base.ahead = timedelta(hours=1)
    assert clock.now() == before
    assert "they differ by 60 min" in str(clock.difference())


@pytest.mark.parametrize("year", [1, 1969, 2200, 9999])
def test_implausible_api_server_time_is_reported_without_being_used(year, caplog):
    base = FakeClock()
    clock = ServerClock(base)
    date = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    for _ in range(5):
        clock.adjust(date, asked_at=base.monotonic(), server="api:6443")
    base.sleep(60.0)
    assert clock.now() == base.now()
    assert "api:6443 shows" in str(clock.difference())
    (message,) = caplog.messages
    assert "reconciler uses the machine's time" in message
