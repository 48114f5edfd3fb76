"""``Stop``: lets a run end with a report after SIGTERM or Ctrl-C.

After the signal, all parts of the process share one budget of 9 seconds, so that the process ends
within 10 even if no server responds. The parts end one after the other:

=============================================== ===================
Part                                            Ends at the latest
=============================================== ===================
the run, or a request that blocks it            after ``GRACE_S``
the requests that release the rollout Leases    after ``REQUESTS_S``
the Events that wait to be sent                 half a second later
Git, the page, notifications, the leader Lease  after ``THREADS_S``
the informer                                    half a second later
=============================================== ===================
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.errors import BrokenOff

if TYPE_CHECKING:
    from types import FrameType

GRACE_S = 4.0
"""A request that still blocks the run is interrupted this many seconds after a signal."""
REQUESTS_S = 6.0
"""Seconds after a signal by which requests to the API server should have a response."""
THREADS_S = 8.5
"""The process waits for its other threads until this many seconds after a signal."""


class Terminated(BaseException):
    """Raised when SIGTERM arrives and the command can stop immediately."""


@dataclass(slots=True)
class Stop:
    """Records whether a signal has requested that the process stop."""

    requested: bool = False
    interrupted: bool = False
    """Whether Ctrl-C requested the stop; a second Ctrl-C then ends the process immediately."""
    grace_s: float = GRACE_S
    """The time before a blocked request is interrupted, in seconds of real, unscaled time."""
    on_request: list[Callable[[], None]] = field(default_factory=list)
    """Functions that a signal handler calls to request a stop; each must only set a value."""
    monotonic: Callable[[], float] = time.monotonic
    """Measures the budget, in seconds of real, unscaled time."""
    _threads_until: float = math.inf
    _interruptible: bool = False
    _breakable: bool = False
    _overdue: bool = False

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let a signal interrupt the code in the block, for example a long read.

        Raises:
            Terminated: SIGTERM arrived.
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        self._interruptible = True
        try:
            if self.requested:
                raise self._end()
            yield
        finally:
            self._interruptible = False

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """Interrupt the code in the block if it still runs some seconds after a signal.

        The code in the block has to check ``requested``.

        Raises:
            BrokenOff: The block did not end in time, for example because a server does not
                respond.
        """
        self._breakable = True
        try:
            if self._overdue:
                raise BrokenOff
            yield
        finally:
            self._breakable = False

    def threads_left_s(self) -> float:
        """Return the seconds left to wait for threads; infinite until a signal arrives."""
        return max(0.0, self._threads_until - self.monotonic())

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Handle the signal SIGTERM or SIGINT."""
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.requested:
            self._threads_until = self.monotonic() + THREADS_S
            signal.setitimer(signal.ITIMER_REAL, self.grace_s)
            for each in self.on_request:
                each()
        self.requested = True
        self.interrupted = self.interrupted or number == signal.SIGINT
        if self._interruptible:
            raise self._end()

    def on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        """Handle SIGALRM: interrupt the code in the block of ``breakable`` if it still runs."""
        self._overdue = True
        if self._breakable:
            raise BrokenOff

    def _end(self) -> BaseException:
        return KeyboardInterrupt() if self.interrupted else Terminated()


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Handle SIGTERM and Ctrl-C in the block; outside the main thread, handle no signal."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    handlers = {
        signal.SIGTERM: stop.on_signal,
        signal.SIGINT: stop.on_signal,
        signal.SIGALRM: stop.on_alarm,
    }
    before = {each: signal.signal(each, handler) for each, handler in handlers.items()}
    try:
        yield stop
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for each, handler in before.items():
            signal.signal(each, handler)
