"""Pauses all writes of a run while the API server does not take any: ``WritePause``."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from reconciler.errors import UnavailableError
from reconciler.model import backoff

if TYPE_CHECKING:
    from reconciler.errors import ClusterError

FIRST_S, LONGEST_S = 1.0, 30.0
TOTAL_S = 300.0
"""The run ends after this long without an answer; the next run continues."""
_RANDOM = random.Random()  # noqa: S311 - jitter, not cryptography


class WritePause:
    """The pause of one run; no VM fails because the server is unavailable."""

    def __init__(self) -> None:
        self._failures = 0
        self._since = 0.0
        self._until = 0.0
        self.error: ClusterError | None = None
        """Why writes pause; None while they are answered."""

    def start(self, error: ClusterError, now: float) -> float:
        """Note a write that was not answered at *now*, monotonic; return the pause in seconds."""
        if self.error is None:
            self._since, self._failures = now, 0
        if not self.lasts(now):
            # Several writes that were under way at once make the pause longer only once.
            self._failures += 1
        self.error = error
        pause_s = backoff.pause_s(
            self._failures, first_s=FIRST_S, longest_s=LONGEST_S, jitter=_RANDOM.random()
        )
        asked_s = error.retry_after_s if isinstance(error, UnavailableError) else None
        pause_s = max(pause_s, asked_s or 0.0)
        self._until = max(self._until, now + pause_s)
        return self._until - now

    def answered(self, now: float) -> None:
        """Note that a write was answered at *now*, monotonic; refusals count as answers.

        An answer during the pause does not end it: that write was sent before.
        """
        if not self.lasts(now):
            self.error = None

    def lasts(self, now: float) -> bool:
        """Return whether no write may be sent at *now*, monotonic."""
        return self.error is not None and now < self._until

    def exhausted(self, now: float) -> bool:
        """Return whether the server has not answered for too long."""
        return self.error is not None and now - self._since >= TOTAL_S
