"""``samples``: computes metric values from the state and counters of a ``serve`` process."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.desired.config import Mode
from reconciler.model.diagnostic import Severity
from reconciler.model.plan.plan import Effect
from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.model.service.counts import Counted
from reconciler.model.service.view import Role
from reconciler.report.metrics import metric_table as table
from reconciler.report.metrics import plan_figures
from reconciler.report.metrics.metric_table import Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from reconciler.model.plan.plan import Plan
    from reconciler.model.service.counts import Counts
    from reconciler.model.service.view import ServiceView, SourceView

_COUNTERS = tuple(each for each in table.METRICS if each.type is table.MetricType.COUNTER)


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One value of a metric, with the label values in the order of the metric's labels."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


def samples(view: ServiceView, counts: Counts) -> Iterator[MetricSample]:
    """Yield the values of all metrics except the histogram."""
    yield from _process(view)
    yield from _source(view.source)
    if view.plan is not None:
        yield from _plan(view, view.plan)
    yield from _time(table.PLANNED_AT, view.planned_at)
    yield from _time(table.LAST_PASS, view.last_pass_at)
    yield from _time(table.LAST_SUCCESS, view.last_success_at)
    yield from _time(table.RUN_START, view.run.started_at if view.run else None)
    for metric in _COUNTERS:
        values = counts.values.get(Counted(metric.name), {})
        if not metric.labels:
            values = {(): 0.0, **values}
        for labels, value in values.items():
            yield MetricSample(metric, labels, value)


def _process(view: ServiceView) -> Iterator[MetricSample]:
    yield MetricSample(table.BUILD_INFO, (view.version,), 1)
    yield MetricSample(table.READY, (), view.ready)
    yield MetricSample(table.LEADER, (), view.role is Role.LEADER)
    if view.leader:
        yield MetricSample(table.LEASE_HOLDER, (view.lease, view.leader), 1)
    yield MetricSample(table.ENFORCING, (), view.mode is Mode.ENFORCE)
    yield MetricSample(table.ALERT_HOLD, (), view.hold is not None)
    for each in {wait.kind: wait for wait in view.waits}.values():
        yield from _time(table.WAIT_START, each.since, each.kind)


def _source(source: SourceView) -> Iterator[MetricSample]:
    yield from _time(table.LAST_FETCH, source.fetched_at)
    in_force = source.in_force
    if in_force is None:
        return
    where = (source.address, source.revision, in_force.commit or "")
    yield MetricSample(table.REVISION_INFO, where, 1)
    yield MetricSample(table.COMMITS_BEHIND, (), in_force.behind)
    rejected = Counter(each.reason for each in in_force.refused)
    yield from (MetricSample(table.REJECTED_COMMITS, (r,), rejected[r]) for r in RefusalReason)


def _plan(view: ServiceView, plan: Plan) -> Iterator[MetricSample]:
    live = view.live
    decisions = plan_figures.vm_decisions(plan)
    for why, n_vms in sorted(Counter((each.effect, each.reason) for each in decisions).items()):
        yield MetricSample(table.VMS, why, n_vms)
    for each in plan.decisions:
        if not each.ref.is_vm:
            yield MetricSample(table.KUBEVIRT, (each.effect, each.reason), 1)
    drift = plan_figures.drift(plan, live)
    for labels in ((way, effect) for way in ("grow", "shrink") for effect in Effect):
        yield MetricSample(table.DRIFT, labels, drift.get(labels, 0))
    waits = plan_figures.restart_waits(plan, live, view.restart_since)
    yield MetricSample(table.WAITING_FOR_RESTART, (), len(waits))
    yield from _oldest(table.OLDEST_RESTART_WAIT, waits.values())
    flights = plan_figures.in_flight(plan, live)
    yield MetricSample(table.IN_FLIGHT, (), len(flights))
    yield from _oldest(table.OLDEST_IN_FLIGHT, flights.values())
    failed = plan_figures.failed_migrations(plan, live)
    yield MetricSample(table.FAILED_MIGRATIONS, (), failed)
    problems = Counter(each.severity for each in plan.diagnostics)
    yield from (MetricSample(table.PROBLEMS, (s,), problems[s]) for s in Severity)
    yield MetricSample(table.FORECAST, ("earliest",), plan.forecast.earliest_s)
    yield MetricSample(table.FORECAST, ("latest",), plan.forecast.latest_s)
    yield MetricSample(table.MIGRATIONS, (), plan.forecast.migrations)
    yield MetricSample(table.COPIED, (), plan.forecast.n_bytes_copied)


def _oldest(metric: Metric, times: Iterable[datetime | None]) -> Iterator[MetricSample]:
    yield from _time(metric, min((each for each in times if each is not None), default=None))


def _time(metric: Metric, at: datetime | None, *labels: str) -> Iterator[MetricSample]:
    if at is not None:
        yield MetricSample(metric, labels, at.timestamp())
