"""``RejectionLog``: logs at most one message per minute about rejected webhook requests."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.ports import Clock
    from reconciler.serve.hooks.push_event import Scheme

log = logging.getLogger(__name__)

INTERVAL_S = 60.0


@dataclass(slots=True)
class _Count:
    n_rejected: int = 0
    logged_at: float | None = None


class RejectionLog:
    """Counts webhook requests that could not be authenticated; used by one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: dict[Scheme, _Count] = {}

    def add(self, scheme: Scheme) -> None:
        """Count a rejected webhook request, and log the count at most once per minute."""
        count = self._counts.setdefault(scheme, _Count())
        count.n_rejected += 1
        now = self._clock.monotonic()
        if count.logged_at is not None and now - count.logged_at < INTERVAL_S:
            return
        log.warning(
            "rejected requests to /hooks/%s without a valid signature: %d. If the Git host shows "
            "status 401 for its webhook, compare the webhook's secret with the file %s in the "
            "--hook-secrets directory, and compare the clocks of the Git host and this machine",
            scheme,
            count.n_rejected,
            scheme,
        )
        count.n_rejected, count.logged_at = 0, now
