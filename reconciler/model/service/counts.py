"""``Counts``: the values of the counters that a process exports as Prometheus metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

NO_ANSWER = "<error>"
"""The label value for a request without a response, as in client-go's metrics."""
OTHER = "other"
"""Replaces each label value of a new label combination if a counter already has too many."""


class Counted(StrEnum):
    """The Prometheus counters of this process; each value is a name without prefix and suffix."""

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
"""The label names of each counter, in the order of the label values."""

CHANGE_BOUNDS_S = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)
"""The upper bounds of the histogram of change durations, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A histogram of durations: their number, their sum in seconds, and the count per bucket."""

    bounds: tuple[float, ...] = CHANGE_BOUNDS_S
    buckets: tuple[int, ...] = (0,) * (len(CHANGE_BOUNDS_S) + 1)
    """The number of durations in each bucket; the last bucket has no upper bound."""
    total: float = 0.0

    def with_value(self, seconds: float) -> Distribution:
        """Return a copy of the histogram with one more duration."""
        found = bisect_left(self.bounds, seconds)
        buckets = tuple(n + (index == found) for index, n in enumerate(self.buckets))
        return replace(self, buckets=buckets, total=self.total + seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The values of all counters at one moment."""

    values: Mapping[Counted, Mapping[tuple[str, ...], float]] = field(default_factory=dict)
    """The value of each counter for each combination of label values."""
    change_seconds: Distribution = field(default_factory=Distribution)
    """The times from the patch to a VM until the VM's guest had the new memory."""
