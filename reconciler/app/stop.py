"""SIGTERM and Ctrl-C as a request to end: what runs is left healthy, and reported."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.errors import BrokenOff

if TYPE_CHECKING:
    from types import FrameType

PATIENCE_S = 4.0
"""How long a run may take to end by itself, before what it waits for is broken off."""


class Terminated(BaseException):
    """SIGTERM, where nothing has been written that would have to be brought to an end."""


@dataclass(slots=True)
class Stop:
    """Whether somebody asked the process to end."""

    asked: bool = False
    interrupted: bool = False
    """By Ctrl-C; a second one ends at once."""
    patience_s: float = PATIENCE_S
    """Real seconds."""
    when_asked: list[Callable[[], None]] = field(default_factory=list)
    """Called in the midst of anything, so each does no more than set a value."""
    _at_once: bool = False
    _breakable: bool = False
    _overdue: bool = False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A block that a signal breaks off, such as a long read or a wait for the lease.

        Raises:
            Terminated: SIGTERM came.
            KeyboardInterrupt: Ctrl-C came.
        """
        self._at_once = True
        try:
            if self.asked:
                raise self._end()
            yield
        finally:
            self._at_once = False

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """A block that looks at ``asked`` and ends; if it does not in time, it is broken off.

        Raises:
            BrokenOff: It has not ended by itself, as where a server does not answer.
        """
        self._breakable = True
        try:
            if self._overdue:
                raise BrokenOff
            yield
        finally:
            self._breakable = False

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal in."""
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.asked:
            signal.setitimer(signal.ITIMER_REAL, self.patience_s)
            for each in self.when_asked:
                each()
        self.asked = True
        self.interrupted = self.interrupted or number == signal.SIGINT
        if self._at_once:
            raise self._end()

    def overdue(self, _number: int, _frame: FrameType | None) -> None:
        """Break off what is breakable: the patience is over."""
        self._overdue = True
        if self._breakable:
            raise BrokenOff

    def _end(self) -> BaseException:
        return KeyboardInterrupt() if self.interrupted else Terminated()


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Note signals instead of dying of them; outside the main thread there is nothing to note."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    handlers = {
        signal.SIGTERM: stop.note,
        signal.SIGINT: stop.note,
        signal.SIGALRM: stop.overdue,
    }
    before = {each: signal.signal(each, handler) for each, handler in handlers.items()}
    try:
        yield stop
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for each, handler in before.items():
            signal.signal(each, handler)
