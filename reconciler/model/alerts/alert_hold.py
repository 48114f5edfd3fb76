"""``AlertHold``: why Prometheus alerts pause a rollout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlertHoldReason(StrEnum):
    """The reasons why the setting ``rollout.holdWhile`` pauses a rollout."""

    FIRING = "alert-firing"
    UNREADABLE = "alerts-unreadable"
    """Prometheus does not respond, so an alert might be firing unnoticed."""
    NO_PROMETHEUS = "no-prometheus"
    """No Prometheus URL is configured, so an alert might be firing unnoticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHold:
    """Why a rollout is paused: an alert is firing, or the alerts cannot be read."""

    reason: AlertHoldReason = AlertHoldReason.FIRING
    since: datetime
    """When this process first noticed that alerts pause the rollout."""
    alerts: tuple[str, ...] = ()
    """The firing alerts, such as ``CephHealthError{severity="critical"}``.

    Empty if the alerts cannot be read.
    """
    message: str
    """Which alerts are firing, or why alerts cannot be read; a sentence without a full stop.

    It contains no credentials.
    """
    hint: str = ""


def without_prometheus(since: datetime) -> AlertHold:
    """Return the pause that applies if alerts must be read but no Prometheus URL is configured."""
    return AlertHold(
        reason=AlertHoldReason.NO_PROMETHEUS,
        since=since,
        message="rollout.holdWhile needs the alerts of Prometheus, but --prometheus-url is not "
        "set",
        hint="set --prometheus-url, or remove rollout.holdWhile from .reconciler.yaml",
    )
