"""The clocks: aware time, and a demo's time that runs faster."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from reconciler.clock import ScaledClock, SystemClock

EPOCH = datetime(2026, 11, 23, tzinfo=UTC)


def test_real_time_is_aware_and_runs_forward():
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.001)
    assert clock.monotonic() > before
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 5


@pytest.mark.parametrize("seconds", [0, -1])
def test_no_time_passes_at_once(seconds):
    SystemClock().sleep(seconds)
    ScaledClock(epoch=EPOCH, scale=10).sleep(seconds)


def test_scaled_time_begins_at_its_epoch_and_runs_faster():
    began = time.monotonic()
    clock = ScaledClock(epoch=EPOCH, scale=1000)
    clock.sleep(10)
    real = time.monotonic() - began
    assert 10 <= clock.monotonic() <= real * 1000 + 1000
    assert real < 5
    assert (clock.now() - EPOCH).total_seconds() >= 10


@pytest.mark.parametrize("scale", [0, -1])
def test_a_scale_is_above_zero(scale):
    with pytest.raises(ValueError, match="is not above zero"):
        ScaledClock(epoch=EPOCH, scale=scale)


def test_an_epoch_names_its_time_zone():
    with pytest.raises(ValueError, match="names no time zone"):
        ScaledClock(epoch=EPOCH.replace(tzinfo=None), scale=1)
