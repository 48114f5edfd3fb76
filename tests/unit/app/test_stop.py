"""Tests that a signal stops a run, and interrupts only operations whose result is not lost."""

from __future__ import annotations

import math
import os
import signal
import threading

import pytest

from reconciler.app.stop import THREADS_S, Stop, Terminated, stop_on_signals
from reconciler.errors import BrokenOff

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)


@pytest.fixture
def stop():
    with stop_on_signals() as found:
        found.grace_s = 0.02
        yield found


def send(number):
    os.kill(os.getpid(), number)


def hang(*, after):
    """Send *after* to this process as a signal, then wait until the test is interrupted."""
    send(after)
    threading.Event().wait(5)
    raise AssertionError("nothing broke it off")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_code_that_allows_a_delayed_interrupt_is_interrupted_a_grace_period_after_the_signal(
    stop, number
):
    with pytest.raises(BrokenOff), stop.breakable():
        hang(after=number)
    assert stop.requested
    assert stop.interrupted is (number == signal.SIGINT)


def test_stop_signal_does_not_interrupt_code_that_does_not_allow_an_interrupt(stop):
    send(signal.SIGTERM)
    signal.sigtimedwait([], 0.1)
    with pytest.raises(BrokenOff), stop.breakable():
        raise AssertionError("not entered once the patience is over")


def test_code_that_ends_within_the_grace_period_after_a_signal_is_not_interrupted(stop):
    stop.grace_s = 5.0
    with stop.breakable():
        send(signal.SIGTERM)
    assert stop.requested


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)]
)
def test_code_that_allows_an_immediate_interrupt_is_interrupted_immediately_by_a_signal(
    stop, number, error
):
    with pytest.raises(error), stop.interruptible():
        hang(after=number)
    with pytest.raises(error), stop.interruptible():
        raise AssertionError("not entered after the signal")


def test_second_ctrl_c_ends_the_process_immediately_unlike_a_second_sigterm(stop):
    send(signal.SIGTERM)
    send(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


def test_stop_callbacks_are_called_only_for_the_first_stop_signal(stop):
    told = []
    stop.on_request.append(lambda: told.append(1))
    send(signal.SIGTERM)
    send(signal.SIGTERM)
    assert told == [1]


def test_signal_handlers_are_restored_when_signal_handling_ends():
    before = [signal.getsignal(each) for each in SIGNALS]
    with stop_on_signals():
        send(signal.SIGTERM)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_stop_signals_are_handled_only_in_the_main_thread():
    found = []

    def look():
        with stop_on_signals() as stop:
            found.append((stop, signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [(Stop(), before)]


def test_threads_share_one_time_budget_that_starts_with_the_first_signal(stop):
    now = [100.0]
    stop.monotonic = lambda: now[0]
    assert stop.threads_left_s() == math.inf
    stop.on_signal(signal.SIGTERM, None)
    assert stop.threads_left_s() == THREADS_S
    now[0] += 3
    stop.on_signal(signal.SIGTERM, None)
    assert stop.threads_left_s() == THREADS_S - 3
    now[0] += 60
    assert stop.threads_left_s() == 0
