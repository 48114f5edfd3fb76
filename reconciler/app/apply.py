"""``run``: makes a plan, applies it and reports, for ``apply`` and ``reconcile``."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from reconciler.app import approval_options, output_files
from reconciler.app.deliver_report import deliver, write_only
from reconciler.app.execution.execute_plan import Execution, execute
from reconciler.app.read_and_plan import read_and_plan
from reconciler.app.stop import REQUESTS_S, Terminated, stop_on_signals
from reconciler.app.wiring import alert_wiring, cluster_wiring, process_name, source_wiring
from reconciler.errors import ReconcilerError
from reconciler.model.run.outcome import ExitCode
from reconciler.plan.plan_policy import plan_policy

if TYPE_CHECKING:
    from reconciler.app.apply_options import ApplyOptions
    from reconciler.app.metrics_file import MetricsFile
    from reconciler.app.run_printer import RunPrinter
    from reconciler.model.plan.approval import Approval
    from reconciler.model.run.outcome import RunReport
    from reconciler.ports import Clock


def run(options: ApplyOptions, clock: Clock, printer: RunPrinter) -> ExitCode:
    """Plan once, apply the plan, and report the results.

    Raises:
        ReconcilerError: The run ended before it could write to the cluster.
        Terminated: SIGTERM arrived before the run could write to the cluster.
        KeyboardInterrupt: Ctrl-C was pressed before the run could write to the
            cluster, or was pressed twice.
    """
    approval = approval_options.read(options)
    if approval is not None:
        source = approval_options.approved_source(options, approval)
        options = replace(options, source=source)
    if options.report is not None:
        output_files.reserve(options.report, "--report")
    metrics = _metrics_file(options, clock)
    try:
        report = _report(options, approval, clock, printer, metrics)
    except (ReconcilerError, Terminated, KeyboardInterrupt) as error:
        if metrics is not None:
            metrics.fail(error)
        raise
    if metrics is not None and (problem := metrics.finish(report)):
        report = replace(report, notes=(*report.notes, problem))
    deliver(report, options.report, printer)
    return report.returned


def _metrics_file(options: ApplyOptions, clock: Clock) -> MetricsFile | None:
    if options.metrics_file is None:
        return None
    from reconciler.app.metrics_file import MetricsFile  # noqa: PLC0415 - imports a library

    return MetricsFile(options.metrics_file, options, clock)


def _report(
    options: ApplyOptions,
    approval: Approval | None,
    clock: Clock,
    printer: RunPrinter,
    metrics: MetricsFile | None,
) -> RunReport:
    """Plan, apply the plan, and return the report."""
    with ExitStack() as stack:
        execution = _plan(options, clock, printer, stack, metrics)
        report = execute(execution, approval)
        if metrics is not None:
            metrics.plan_again(execution.informer)
    if execution.stop.interrupted:
        report = replace(report, exit=ExitCode.INTERRUPTED)
    return replace(report, excused=report.exit in options.excused)


def _plan(
    options: ApplyOptions,
    clock: Clock,
    printer: RunPrinter,
    stack: ExitStack,
    metrics: MetricsFile | None,
) -> Execution:
    """Read the desired state and the live state, and compute a plan.

    *stack* closes the readers that this function opens.
    """
    counted = metrics.counters.count_request if metrics else None
    started, until = clock.monotonic(), None
    source, scale = options.source, options.cluster.time_scale
    if options.deadline_s is not None:
        until = started + options.deadline_s
        source = replace(source, fetch_timeout_s=min(source.fetch_timeout_s, options.deadline_s))
    policy = partial(
        plan_policy,
        shard=options.shard,
        ignore_windows=options.ignore_windows,
        ignore_alerts=options.ignore_alerts,
    )
    stop = stack.enter_context(stop_on_signals())
    with stop.interruptible():
        desired = stack.enter_context(source_wiring.desired(source))
        client = stack.enter_context(
            cluster_wiring.client(options.cluster, clock, counted=counted)
        )
        stop.on_request.append(lambda: client.hurry(REQUESTS_S))
        informer = stack.enter_context(cluster_wiring.informer(client, clock, scale=scale))
        alerts = stack.enter_context(alert_wiring.alerts(options.prometheus, clock))
        planned = read_and_plan(
            desired,
            informer,
            clock,
            policy,
            alerts.hold,
        )
    if metrics is not None:
        metrics.plan(planned)
    return Execution(
        options=options,
        clock=clock,
        printer=printer,
        stop=stop,
        client=client,
        informer=informer,
        alerts=alerts,
        planned=planned,
        run_id=process_name.run_id(),
        # The clock now has the API server's time, which is used for all times in the report.
        started_at=clock.now() - timedelta(seconds=clock.monotonic() - started),
        until=until,
        unwritten=lambda report: write_only(report, options.report, printer),
    )
