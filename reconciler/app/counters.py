"""``Counters``: counts events in this process for Prometheus metrics."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from reconciler.model.live.live_migration import MigrationPhase
from reconciler.model.service.counts import (
    LABELS,
    NO_ANSWER,
    OTHER,
    Counted,
    Counts,
    Distribution,
)
from reconciler.report.metrics.run_counts import change_seconds, forecast_counts, run_counts

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.references import Uid
    from reconciler.model.run.outcome import RunReport
    from reconciler.report.metrics.run_counts import LateChange

MOST_SERIES = 200
"""The maximum number of label combinations of one Prometheus counter, to limit memory use."""


class Counters:
    """Counts events in this process for Prometheus metrics; all methods are thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Counted, dict[tuple[str, ...], float]] = {each: {} for each in Counted}
        self._change_seconds = Distribution()
        self._failed: frozenset[Uid] | None = None

    def add(self, counted: Counted, *labels: str, amount: float = 1.0) -> None:
        """Increase a Prometheus counter.

        Args:
            counted: The event that has happened, which selects the counter.
            labels: The values of the counter's labels, in the order of ``LABELS``. They come from
                a small fixed set of words, and never from a request or an object.
            amount: The amount to add, at least 0.
        """
        if len(labels) != len(LABELS[counted]):
            raise ValueError(f"{counted} has the labels {LABELS[counted]}, not {labels}")
        with self._lock:
            series = self._values[counted]
            if labels not in series and len(series) >= MOST_SERIES:
                labels = (OTHER,) * len(labels)
            series[labels] = series.get(labels, 0.0) + amount

    def count_request(self, verb: str, status: int | None) -> None:
        """Count a request to the API server; *status* is None if no response arrived."""
        self.add(Counted.API_REQUESTS, verb, NO_ANSWER if status is None else str(status))

    def count_run(self, report: RunReport) -> None:
        """Count an ended run, the results and durations of its VM changes, and forecast errors."""
        for each in run_counts(report):
            self.add(each.counted, *each.labels, amount=each.amount)
        with self._lock:
            for seconds in change_seconds(report):
                self._change_seconds = self._change_seconds.with_value(seconds)

    def count_late_change(self, change: LateChange) -> None:
        """Count the duration and the forecast error of a change that outlasted its run."""
        if change.forecast is not None:
            for each in forecast_counts(change.forecast, change.run_seconds):
                self.add(each.counted, *each.labels, amount=each.amount)
        with self._lock:
            self._change_seconds = self._change_seconds.with_value(change.seconds)

    def count_live(self, live: LiveState) -> None:
        """Count the live migrations that have failed since the last call.

        The first call counts no migrations, because they might have failed before this process
        started.
        """
        failed = frozenset(
            each.uid
            for migrations in live.migrations.values()
            for each in migrations
            if each.phase is MigrationPhase.FAILED
        )
        known, self._failed = self._failed, failed
        new = 0 if known is None else len(failed - known)
        if new:
            self.add(Counted.MIGRATION_FAILURES, amount=new)

    def read(self) -> Counts:
        """Return the current values of all counters."""
        with self._lock:
            return Counts(
                values={each: dict(series) for each, series in self._values.items()},
                change_seconds=self._change_seconds,
            )
