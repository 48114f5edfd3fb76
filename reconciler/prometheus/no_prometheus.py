"""``NoPrometheus``: pauses the rollout because no Prometheus URL is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.alerts.alert_hold import AlertHold, without_prometheus

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.alerts.alert_matcher import AlertMatcher
    from reconciler.ports import Clock


class NoPrometheus:
    """Pauses the rollout if the configuration selects alerts, because they cannot be read.

    Args:
        clock: Provides the time at which a pause of the rollout starts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: datetime | None = None

    def hold(self, matchers: tuple[AlertMatcher, ...]) -> AlertHold | None:
        """Return why no new VM change can start, or None if *matchers* is empty."""
        if not matchers:
            self._since = None
            return None
        self._since = since = self._since or self._clock.now()
        return without_prometheus(since)
