"""Tests how long writes pause while the API server is unavailable, and when a run gives up."""

from __future__ import annotations

import pytest

from reconciler.errors import UnavailableError, UnreachableError
from reconciler.rollout.writes.write_pause import LONGEST_S, TOTAL_S, WritePause

AWAY = UnreachableError("no answer")


def test_pause_between_write_attempts_grows_with_random_jitter_up_to_a_limit():
    pause = WritePause()
    pauses, now = [], 0.0
    for _ in range(12):
        pauses.append(pause.start(AWAY, now))
        now += pauses[-1]
    assert 0.5 <= pauses[0] <= 1.5
    assert max(pauses) <= LONGEST_S * 1.5
    assert min(pauses[-3:]) >= LONGEST_S / 2


@pytest.mark.parametrize(
    ("asked", "lasts"), [(7.0, 7.0), (50.0, 50.0), (120.0, 60.0), (float("inf"), 60.0)]
)
def test_write_pause_is_as_long_as_the_server_requests_up_to_a_minute(asked, lasts):
    pause = WritePause()
    error = UnavailableError("come back later", status=429, retry_after_s=asked)
    assert lasts <= pause.start(error, 0.0) <= max(lasts, 1.5)
    assert pause.lasts(lasts - 0.1)


def test_write_pause_has_exactly_the_reported_length():
    pause = WritePause()
    pause_s = pause.start(AWAY, 100.0)
    assert pause.lasts(100.0 + pause_s - 0.01)
    assert not pause.lasts(100.0 + pause_s)


def test_run_ends_if_api_server_failures_continue_for_a_fixed_time():
    pause = WritePause()
    pause.start(AWAY, 10.0)
    pause.start(AWAY, 10.0 + TOTAL_S - 1)
    assert not pause.exhausted(10.0 + TOTAL_S - 1)
    assert pause.exhausted(10.0 + TOTAL_S)


def test_successful_response_after_a_write_pause_resets_the_time_of_the_first_failure():
    pause = WritePause()
    after = pause.start(AWAY, 0.0)
    pause.answered(after)
    assert not pause.lasts(after)
    assert not pause.exhausted(TOTAL_S * 2)
    pause.start(AWAY, TOTAL_S * 2)
    assert not pause.exhausted(TOTAL_S * 2 + 1)


def test_successful_response_during_a_write_pause_does_not_end_the_pause():
    pause = WritePause()
    pause.start(UnavailableError("slow down", status=429, retry_after_s=5.0), 0.0)
    pause.answered(1.0)
    assert pause.lasts(4.9)


def test_failures_of_concurrent_writes_cause_a_single_write_pause():
    pause = WritePause()
    pauses = [pause.start(AWAY, 0.0) for _ in range(16)]
    assert max(pauses) <= 1.5
