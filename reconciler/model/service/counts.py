"""``Counts``: how often things have happened since a process started, for the metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

NO_ANSWER = "<error>"
"""The label value of a request without an answer, as in the metrics of client-go."""
OTHER = "other"
"""The label value that replaces new values once a counter has too many of them."""


class Counted(StrEnum):
    """What is counted; each value is the name of a metric without its prefix and suffix."""

    API_REQUESTS = "api_requests"
    GIT_FETCHES = "git_fetches"
    WEBHOOK_DELIVERIES = "webhook_deliveries"
    NOTIFICATIONS = "notifications"
    RUNS = "runs"
    VM_CHANGES = "vm_changes"
    MIGRATION_FAILURES = "migration_failures"
    FORECASTS = "forecasts"
    FORECAST_SECONDS = "forecast_seconds"


LABELS: Mapping[Counted, tuple[str, ...]] = {
    Counted.API_REQUESTS: ("verb", "code"),
    Counted.GIT_FETCHES: ("result",),
    Counted.WEBHOOK_DELIVERIES: ("scheme", "result"),
    Counted.NOTIFICATIONS: ("receiver", "result"),
    Counted.RUNS: ("result",),
    Counted.VM_CHANGES: ("result", "reason"),
    Counted.MIGRATION_FAILURES: (),
    Counted.FORECASTS: ("result",),
    Counted.FORECAST_SECONDS: ("figure",),
}
"""The label names of each counter, in the order in which their values are given."""

CHANGE_BOUNDS_S = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)
"""The upper bounds of the histogram of changes, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The number and the sum of durations in seconds, and how many are in each bucket."""

    bounds: tuple[float, ...] = CHANGE_BOUNDS_S
    buckets: tuple[int, ...] = (0,) * (len(CHANGE_BOUNDS_S) + 1)
    """The durations up to each bound and above the previous one; the last bucket has no bound."""
    total: float = 0.0

    def with_value(self, seconds: float) -> Distribution:
        """Return the distribution with one more duration."""
        found = bisect_left(self.bounds, seconds)
        buckets = tuple(n + (index == found) for index, n in enumerate(self.buckets))
        return replace(self, buckets=buckets, total=self.total + seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The values of all counters at one moment."""

    values: Mapping[Counted, Mapping[tuple[str, ...], float]] = field(default_factory=dict)
    """The value of each counter by the values of its labels."""
    change_seconds: Distribution = field(default_factory=Distribution)
    """The times from the patches of VMs until their guests had the memory."""
