"""``WorkerThread``: a daemon thread that other threads can wake up and end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class WorkerThread:
    """Runs one function in a thread until ``end`` is called.

    The thread is a daemon, so a server that does not respond cannot delay the end of the process.

    Args:
        name: The name of the thread.
        run: Works until ``ending`` is set; calls ``pause`` between two pieces of work.
    """

    def __init__(self, name: str, run: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=run, name=name, daemon=True)
        self.changed = threading.Condition()
        """Protects the data that threads share; notify this condition to end a ``pause``."""
        self.ending = False
        """Whether the thread should end after its current piece of work."""

    def start(self) -> None:
        """Start the thread, unless ``start`` was called before."""
        if self._thread.ident is None:
            self._thread.start()

    def end(self, wait_s: float = 0.0) -> None:
        """Request the end of the thread, and wait for the end for at most *wait_s* seconds."""
        with self.changed:
            self.ending = True
            self.changed.notify_all()
        if wait_s > 0 and self._thread.ident is not None:
            self._thread.join(wait_s)

    def pause(self, timeout_s: float, until: Callable[[], object] = bool) -> None:
        """Wait until the timeout, a request to end, or a notification that makes *until* true."""
        with self.changed:
            self.changed.wait_for(lambda: self.ending or until(), timeout_s)
