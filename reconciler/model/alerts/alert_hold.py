"""``AlertHold``: why alerts of Prometheus prevent new changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlertHoldReason(StrEnum):
    """The reasons why ``rollout.holdWhile`` prevents new changes."""

    FIRING = "alert-firing"
    UNREADABLE = "alerts-unreadable"
    """Prometheus does not answer, so an alert may be firing."""
    NO_PROMETHEUS = "no-prometheus"
    """The process has no URL of Prometheus, so an alert may be firing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHold:
    """Why no new change starts: an alert fires, or alerts cannot be read."""

    reason: AlertHoldReason = AlertHoldReason.FIRING
    since: datetime
    """When this process first saw the hold."""
    alerts: tuple[str, ...] = ()
    """The firing alerts, such as ``CephHealthError{severity="critical"}``.

    Empty if alerts cannot be read.
    """
    message: str
    """Which alerts fire or why they cannot be read, without credentials and a final full stop."""
    hint: str = ""


def without_prometheus(since: datetime) -> AlertHold:
    """Return the hold of a process that has to read alerts but has no URL of Prometheus."""
    return AlertHold(
        reason=AlertHoldReason.NO_PROMETHEUS,
        since=since,
        message="rollout.holdWhile needs the alerts of Prometheus, and --prometheus-url is not "
        "set",
        hint="pass --prometheus-url, or remove rollout.holdWhile",
    )
