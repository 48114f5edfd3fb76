"""What a run does while the API server takes no writes: pauses all of them, and not for ever."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from reconciler.errors import UnavailableError
from reconciler.model import backoff

if TYPE_CHECKING:
    from reconciler.errors import ClusterError

FIRST_S, LONGEST_S = 1.0, 30.0
TOTAL_S = 300.0
"""After so long without an answer the run ends; nothing is lost, the next one goes on."""
_RANDOM = random.Random()  # noqa: S311 - jitter, not cryptography


class Patience:
    """One run's. No VM is to blame for a server that is away, so none counts as failed by it."""

    def __init__(self) -> None:
        self._failures = 0
        self._since = 0.0
        self._not_before = 0.0
        self.error: ClusterError | None = None
        """Why writes pause; None while they are answered."""

    def failed(self, error: ClusterError, now: float) -> float:
        """Note a write that was not answered at *now*, monotonic; the pause in seconds."""
        if self.error is None:
            self._since, self._failures = now, 0
        if not self.pausing(now):
            # Of several writes that were under way at once only one makes the pause longer.
            self._failures += 1
        self.error = error
        pause_s = backoff.pause_s(
            self._failures, first_s=FIRST_S, longest_s=LONGEST_S, jitter=_RANDOM.random()
        )
        asked_s = error.retry_after_s if isinstance(error, UnavailableError) else None
        pause_s = max(pause_s, asked_s or 0.0)
        self._not_before = max(self._not_before, now + pause_s)
        return self._not_before - now

    def well(self, now: float) -> None:
        """Note a write that was answered at *now*, with whatever.

        One that was under way when another was turned away says nothing of the pause asked for.
        """
        if not self.pausing(now):
            self.error = None

    def pausing(self, now: float) -> bool:
        """Whether no write may be sent at *now*, monotonic."""
        return self.error is not None and now < self._not_before

    def spent(self, now: float) -> bool:
        """Whether the server has been away for too long."""
        return self.error is not None and now - self._since >= TOTAL_S
