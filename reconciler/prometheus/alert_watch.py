"""``AlertWatch``: polls the selected alerts in a background thread.

A slow Prometheus, or a slow name server, must not delay the loop that renews leases.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from reconciler.model.alerts.alert_hold import AlertHold, AlertHoldReason
from reconciler.model.alerts.alert_matcher import AlertMatcher
from reconciler.model.phrases import listed
from reconciler.prometheus.alert_reader import (
    AlertSource,
    AlertsUnreadableError,
    NoPrometheusUrlError,
)
from reconciler.worker_thread import WorkerThread

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from reconciler.ports import Clock

log = logging.getLogger(__name__)

INTERVAL_S = 15.0
"""The pause between two polls in seconds; Prometheus usually evaluates rules every 30 s."""
AGAIN_S = 5.0
"""The pause after a failed poll in seconds."""
OLDEST_S = 60.0
"""The maximum age of a Prometheus response in seconds; an older response is not used."""
FIRST_S = 20.0
"""The longest wait for the first response of Prometheus in seconds."""
_SHOWN = 3
_FIRING_HINT = (
    "new changes start when no alert is firing; `apply --ignore-alerts` does not wait for that"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    matchers: tuple[AlertMatcher, ...]
    at: float
    """When the response arrived, on the monotonic clock."""
    alerts: tuple[str, ...] = ()
    problem: str = ""
    reason: AlertHoldReason = AlertHoldReason.UNREADABLE
    """Why the rollout is paused if the alerts could not be read."""
    hint: str = ""

    @property
    def result(self) -> tuple[object, ...]:
        """The result of the poll, without the time of the response."""
        return self.matchers, self.alerts, self.problem, self.reason


class AlertWatch:
    """Decides whether firing alerts pause the rollout.

    A background thread polls the alerts after the first call to ``hold``.

    Args:
        source: Reads the alerts.
        clock: Provides the time at which a pause of the rollout starts.
        first_s: The longest wait for the first response in seconds of real time.
        interval_s: The pause between two polls in seconds of real time.
        again_s: The pause after a failed poll in seconds of real time.
        changed: Called in the polling thread after the poll's result has changed.
    """

    def __init__(
        self,
        source: AlertSource,
        clock: Clock,
        *,
        first_s: float = FIRST_S,
        interval_s: float = INTERVAL_S,
        again_s: float = AGAIN_S,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        self._source, self._clock, self._first_s = source, clock, first_s
        self._interval_s, self._again_s = interval_s, again_s
        self._on_change = changed
        self._worker = WorkerThread("alerts", self._run)
        self._changed = self._worker.changed
        self._matchers: tuple[AlertMatcher, ...] = ()
        self._waited_for: tuple[AlertMatcher, ...] = ()
        self._reading: _Reading | None = None
        self._since: datetime | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell the polling thread to end after its current request, without waiting for it."""
        self._worker.end()

    def hold(self, matchers: tuple[AlertMatcher, ...]) -> AlertHold | None:
        """Return why no new change is allowed to start, or None if no selected alert is firing."""
        found = self._found(self._read(matchers)) if matchers else None
        if found is None:
            self._since = None
            return None
        reason, alerts, message, hint = found
        self._since = since = self._since or self._clock.now()
        return AlertHold(reason=reason, since=since, alerts=alerts, message=message, hint=hint)

    def _read(self, matchers: tuple[AlertMatcher, ...]) -> _Reading | None:
        """Return the newest response for the given matchers; wait only for the first response."""
        with self._changed:
            if matchers != self._matchers:
                self._matchers = matchers
                self._changed.notify_all()
            self._worker.start()
            if self._waited_for != matchers:
                self._waited_for = matchers
                self._changed.wait_for(self._is_answered, timeout=self._first_s)
            return self._reading if self._is_answered() else None

    def _is_answered(self) -> bool:
        return self._reading is not None and self._reading.matchers == self._matchers

    def _found(
        self, reading: _Reading | None
    ) -> tuple[AlertHoldReason, tuple[str, ...], str, str] | None:
        unreadable = AlertHoldReason.UNREADABLE
        if reading is None:
            return unreadable, (), "Prometheus has not responded yet", ""
        age_s = self._clock.monotonic() - reading.at
        if reading.problem:
            message = f"cannot determine whether an alert is firing: {reading.problem}"
            return reading.reason, (), message, reading.hint
        if age_s > OLDEST_S:
            message = f"the last response from Prometheus is {age_s:.0f} s old"
            return unreadable, (), message, ""
        if not reading.alerts:
            return None
        count = len(reading.alerts)
        start = "an alert is firing" if count == 1 else f"{count} alerts are firing"
        message = f"{start}: {listed(reading.alerts, _SHOWN)}"
        return AlertHoldReason.FIRING, reading.alerts, message, _FIRING_HINT

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._worker.ending:
                    return
                matchers = self._matchers
            reading = self._poll(matchers)
            with self._changed:
                before, self._reading = self._reading, reading
                self._changed.notify_all()
            if before is None or before.result != reading.result:
                self._on_change()
            pause_s = self._again_s if reading.problem else self._interval_s
            self._worker.pause(
                pause_s,
                until=lambda: self._matchers != matchers,  # noqa: B023 - called now
            )

    def _poll(self, matchers: tuple[AlertMatcher, ...]) -> _Reading:
        before = self._reading
        problem, hint, alerts = "", "", tuple[str, ...]()
        reason = AlertHoldReason.UNREADABLE
        try:
            alerts = self._source.firing(matchers)
        except AlertsUnreadableError as error:
            problem, hint = str(error), error.hint
            if isinstance(error, NoPrometheusUrlError):
                reason = AlertHoldReason.NO_PROMETHEUS
        except Exception as error:
            # A bug must not end the thread; without responses, no change starts.
            log.exception("cannot read the alerts because of a bug in reconciler")
            problem = f"a bug in reconciler: {type(error).__name__}"
        if problem and (before is None or before.problem != problem):
            log.warning("cannot read the alerts that rollout.holdWhile selects: %s", problem)
        return _Reading(
            matchers=matchers,
            at=self._clock.monotonic(),
            alerts=alerts,
            problem=problem,
            reason=reason,
            hint=hint,
        )
