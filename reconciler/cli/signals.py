"""SIGTERM and Ctrl-C as a request to end: what runs is left healthy, and reported."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class Stop:
    """Whether somebody asked the process to end."""

    asked: bool = False
    interrupted: bool = False
    """By Ctrl-C; a second one ends at once."""


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Note signals instead of dying of them; outside the main thread there is nothing to note."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(number: int, _frame: FrameType | None) -> None:
        if stop.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.asked = True
        stop.interrupted = number == signal.SIGINT

    before = {each: signal.signal(each, note) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
