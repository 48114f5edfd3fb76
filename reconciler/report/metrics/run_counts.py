"""``run_counts``: converts a run report to increments of metric counters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.plan.plan_forecast import VMForecast
from reconciler.model.run.outcome import Actuation
from reconciler.model.service.counts import Counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.run.outcome import ExitCode, RunReport

EARLY, WITHIN, LATE = "early", "within", "late"
"""The label values for a change that ended before, within or after its forecast time."""


@dataclass(frozen=True, slots=True)
class Addition:
    """An amount to add to a metric's counter."""

    counted: Counted
    labels: tuple[str, ...]
    amount: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LateChange:
    """A change of a VM that was completed after the end of its run."""

    seconds: float
    """The number of seconds from the patch until the guest had its new memory."""
    run_seconds: float
    """The number of seconds from the start of the run until the guest had its new memory."""
    forecast: VMForecast | None
    """The forecast of the run, or None if the run had none for this VM."""


def run_counts(report: RunReport) -> Iterator[Addition]:
    """Yield counter increments for a run, for VM changes, and for the accuracy of the forecast."""
    yield Addition(Counted.RUNS, (result_label(report.exit),))
    forecasts = {each.ref: each for each in report.plan.forecast.vms}
    for outcome in report.outcomes:
        if outcome.ref.is_vm and outcome.actuation is Actuation.SUCCEEDED:
            yield Addition(Counted.VM_CHANGES, (outcome.result, outcome.reason))
        forecast = forecasts.get(outcome.ref)
        if forecast is not None and outcome.seconds is not None and outcome.ended_at is not None:
            seconds = (outcome.ended_at - report.started_at).total_seconds()
            yield from forecast_counts(forecast, seconds)


def result_label(code: ExitCode) -> str:
    """Convert an exit code to a metric label value, such as ``lease-held``."""
    return code.name.lower().replace("_", "-")


def change_seconds(report: RunReport) -> tuple[float, ...]:
    """Return how many seconds each VM needed from the patch to the new guest memory."""
    return tuple(
        each.seconds for each in report.outcomes if each.ref.is_vm and each.seconds is not None
    )


def forecast_counts(forecast: VMForecast, run_seconds: float) -> Iterator[Addition]:
    """Yield counter increments that compare the actual end of a change with the forecast.

    *run_seconds* is the time from the start of the run until the guest had its new memory.
    """
    actual_s = max(0.0, run_seconds)
    early, late = actual_s < forecast.earliest_s, actual_s > forecast.latest_s
    yield Addition(Counted.FORECASTS, (EARLY if early else LATE if late else WITHIN,))
    for figure, seconds in (
        ("earliest", forecast.earliest_s),
        ("latest", forecast.latest_s),
        ("actual", actual_s),
    ):
        yield Addition(Counted.FORECAST_SECONDS, (figure,), seconds)
