"""A signal asks a run to end, breaks off what does not, and nothing where that would lose work."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from reconciler.app.stop import Stop, Terminated, stop_on_signals
from reconciler.errors import BrokenOff

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)


@pytest.fixture
def stop():
    with stop_on_signals() as found:
        found.patience_s = 0.02
        yield found


def send(number):
    os.kill(os.getpid(), number)


def hang(*, after):
    """Take the signal *after*, then wait for an answer that never comes."""
    send(after)
    threading.Event().wait(5)
    raise AssertionError("nothing broke it off")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_does_not_end_by_itself_is_broken_off(stop, number):
    with pytest.raises(BrokenOff), stop.breakable():
        hang(after=number)
    assert stop.requested
    assert stop.interrupted is (number == signal.SIGINT)


def test_nothing_is_broken_off_where_that_would_lose_the_report(stop):
    send(signal.SIGTERM)
    signal.sigtimedwait([], 0.1)
    with pytest.raises(BrokenOff), stop.breakable():
        raise AssertionError("not entered once the patience is over")


def test_what_ends_in_time_is_left_alone(stop):
    stop.patience_s = 5.0
    with stop.breakable():
        send(signal.SIGTERM)
    assert stop.requested


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)]
)
def test_what_has_written_nothing_ends_at_once(stop, number, error):
    with pytest.raises(error), stop.interruptible():
        hang(after=number)
    with pytest.raises(error), stop.interruptible():
        raise AssertionError("not entered after the signal")


def test_a_second_ctrl_c_ends_at_once_and_a_second_sigterm_does_not(stop):
    send(signal.SIGTERM)
    send(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


def test_who_wants_to_know_is_told_once(stop):
    told = []
    stop.on_request.append(lambda: told.append(1))
    send(signal.SIGTERM)
    send(signal.SIGTERM)
    assert told == [1]


def test_afterwards_everything_is_as_before():
    before = [signal.getsignal(each) for each in SIGNALS]
    with stop_on_signals():
        send(signal.SIGTERM)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_outside_the_main_thread_there_is_nothing_to_note():
    found = []

    def look():
        with stop_on_signals() as stop:
            found.append((stop, signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [(Stop(), before)]
