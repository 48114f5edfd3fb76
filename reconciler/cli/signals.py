"""SIGTERM and Ctrl-C as a request to end: what runs is left healthy, and reported."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Terminated(BaseException):
    """SIGTERM, where nothing has been written that would have to be brought to an end."""


@dataclass(slots=True)
class Stop:
    """Whether somebody asked the process to end."""

    asked: bool = False
    interrupted: bool = False
    """By Ctrl-C; a second one ends at once."""
    _at_once: bool = False

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

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal in."""
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
        self.interrupted = number == signal.SIGINT
        if self._at_once:
            raise self._end()

    def _end(self) -> BaseException:
        return KeyboardInterrupt() if self.interrupted else Terminated()


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Note signals instead of dying of them; outside the main thread there is nothing to note."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {each: signal.signal(each, stop.note) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
