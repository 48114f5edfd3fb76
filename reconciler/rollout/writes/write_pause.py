"""``WritePause``: pauses all writes of a run while the API server is unavailable."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from reconciler.errors import UnavailableError
from reconciler.model import backoff

if TYPE_CHECKING:
    from reconciler.errors import ClusterError

FIRST_S, LONGEST_S = 1.0, 30.0
LONGEST_ASKED_S = 60.0
"""The longest Retry-After time that is respected, in seconds."""
TOTAL_S = 300.0
"""After this many seconds without a response to any write, the run ends; a later run continues."""
_RANDOM = random.Random()  # noqa: S311 - jitter, not cryptography


class WritePause:
    """Pauses a run's writes, so that an unavailable API server does not make VM changes fail."""

    def __init__(self) -> None:
        self._failures = 0
        self._since = 0.0
        self._until = 0.0
        self.error: ClusterError | None = None
        """The error that pauses all writes, or None if the API server responds to writes."""

    def start(self, error: ClusterError, now: float) -> float:
        """Record that a write got no response, and return the length of the pause in seconds.

        *now* is a monotonic time.
        """
        if self.error is None:
            self._since, self._failures = now, 0
        if not self.lasts(now):
            # Several writes that fail at the same time make the pause longer only once.
            self._failures += 1
        self.error = error
        pause_s = backoff.pause_s(
            self._failures, first_s=FIRST_S, longest_s=LONGEST_S, jitter=_RANDOM.random()
        )
        asked_s = error.retry_after_s if isinstance(error, UnavailableError) else None
        pause_s = max(pause_s, min(asked_s or 0.0, LONGEST_ASKED_S))
        self._until = max(self._until, now + pause_s)
        return self._until - now

    def answered(self, now: float) -> None:
        """Record that the API server responded to a write; a rejection is a response too.

        A response during the pause does not end the pause, because its write was sent before the
        pause.
        """
        if not self.lasts(now):
            self.error = None

    def lasts(self, now: float) -> bool:
        """Return whether writes are still paused at a given monotonic time."""
        return self.error is not None and now < self._until

    def exhausted(self, now: float) -> bool:
        """Return whether the API server has not responded to writes for too long."""
        return self.error is not None and now - self._since >= TOTAL_S
