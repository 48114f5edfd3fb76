"""``execute``: applies a plan through an open client and informer, and returns the report.

``apply``, ``reconcile`` and ``serve`` share this code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.app import approval_options
from reconciler.app.apply_options import ApplyOptions
from reconciler.app.error_codes import OutrankedError, error_code
from reconciler.app.execution.leases import Leases, hold_leases
from reconciler.app.execution.trace_file import Tracer, open_tracer
from reconciler.app.read_and_plan import (
    PlanWithInputs,
    clock_difference,
    require_agreeing_clocks,
)
from reconciler.app.run_printer import RunPrinter
from reconciler.app.stop import Stop, Terminated
from reconciler.app.wiring import cluster_wiring
from reconciler.cluster.api.client import Client
from reconciler.cluster.write.writer import ClusterWriter
from reconciler.errors import DeclinedError, ReconcilerError
from reconciler.model.desired.config import Mode
from reconciler.model.run.outcome import ExitCode, RunReport
from reconciler.ports import Alerts, Clock, Informer
from reconciler.report.wording import duration
from reconciler.rollout import run as rollout
from reconciler.rollout.report_without_writes import observed, unwritten
from reconciler.rollout.rollout_policy import RolloutPolicy
from reconciler.rollout.run_context import RunContext
from reconciler.rollout.tracking.commit_record import record_commit, require_history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from reconciler.model.plan.approval import Approval
    from reconciler.model.run.progress import Progress
    from reconciler.ports import Recorder

log = logging.getLogger(__name__)

PARALLEL_WRITES = 16
"""The maximum number of parallel write requests; an overloaded API server responds with 429."""
SIGNALLED = "a signal ended the run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A plan, and the client, informer and options with which one run applies it."""

    options: ApplyOptions
    clock: Clock
    printer: RunPrinter
    stop: Stop
    client: Client
    informer: Informer
    alerts: Alerts
    """Reads the Prometheus alerts that the setting ``rollout.holdWhile`` selects."""
    planned: PlanWithInputs
    run_id: str
    started_at: datetime
    until: float | None
    """The monotonic time of the deadline in seconds, or None if the run has no deadline."""
    unwritten: Callable[[RunReport], None]
    """Called with the report if the run ends before it can write to the cluster."""
    superseded: Callable[[], str] = str
    """Returns why the run must end although no signal arrived; empty if the run can continue."""
    meanwhile: Callable[[], None] | None = None
    """Called about once a second while the run waits for responses to its writes."""

    @property
    def windows_ignored(self) -> bool:
        """Whether the run ignores the maintenance windows in the configuration."""
        return self.options.ignore_windows and bool(self.planned.config.windows)

    @property
    def alerts_ignored(self) -> bool:
        """Whether the run ignores the alerts that the configuration selects."""
        return self.options.ignore_alerts and bool(self.planned.config.hold_while)

    @property
    def ended_by(self) -> str:
        """The reason why the run must end, as a clause, or '' if the run can continue."""
        return SIGNALLED if self.stop.requested else self.superseded()


def execute(execution: Execution, approval: Approval | None) -> RunReport:
    """Apply a plan and return the report.

    Raises:
        ReconcilerError: The run ended before it could write to the cluster;
            ``Execution.unwritten`` was called.
        Terminated: SIGTERM arrived before the run could write to the cluster.
        KeyboardInterrupt: Ctrl-C was pressed before the run could write to the
            cluster, or was pressed twice.
    """
    options, planned = execution.options, execution.planned
    observing = options.unattended and planned.config.mode is Mode.OBSERVE
    if execution.windows_ignored:
        log.warning(
            "ignoring the maintenance windows in .reconciler.yaml because of --ignore-windows"
        )
    if execution.alerts_ignored:
        log.warning(
            "ignoring the alerts of rollout.holdWhile in .reconciler.yaml because of "
            "--ignore-alerts"
        )
    trace = None
    broken: list[BaseException] = []
    with ExitStack() as stack:
        try:
            trace = stack.enter_context(
                open_tracer(
                    options.trace,
                    run_id=execution.run_id,
                    revision=planned.plan.revision,
                    log=execution.printer.trace_log,
                )
            )
            execution.printer.show_plan(planned.plan)
            if not observing:
                require_agreeing_clocks(planned.plan)
            approval = approval_options.check(planned.plan, approval, options.expect_digest)
            execution = _confirmed(execution)
            # Opened before the leases, so that other runs need not wait until the Events are sent.
            recorder = stack.enter_context(
                cluster_wiring.recorder(
                    execution.client,
                    execution.clock,
                    instance=execution.run_id,
                    revision=planned.desired.revision,
                    hurried=lambda: execution.stop.requested,
                    broken=broken.append,
                )
            )
            with execution.stop.interruptible():
                held = None if observing else stack.enter_context(_leases(execution))
                if held is not None:
                    require_history(held, planned.desired.in_force, planned.history)
                    record_commit(held, planned.desired.in_force, planned.history)
        except (ReconcilerError, Terminated, KeyboardInterrupt) as error:
            report = _unwritten(execution, error)
            if trace is not None:
                trace.finish(report)
            execution.unwritten(report)
            if report.exit is not error_code(error)[0]:
                raise OutrankedError(report.exit, error) from error
            raise
        if held is None:
            report = observed(planned.plan, run_id=execution.run_id, at=execution.clock.now())
        else:
            report = _roll_out(execution, approval, held, recorder, trace)
        trace.finish(report)
    if broken:
        report = replace(
            report, exit=ExitCode.ERROR, message=f"the run ended because of an error: {broken[0]}"
        )
    return replace(report, notes=(*report.notes, *_notes(execution, approval, trace)))


def _confirmed(execution: Execution) -> Execution:
    """Ask the user to confirm the plan if required; waiting for the reply is not run time.

    Raises:
        DeclinedError: The user declined the plan.
    """
    plan, clock = execution.planned.plan, execution.clock
    if not execution.options.ask or not plan.applyable:
        return execution
    asked_at = clock.monotonic()
    with execution.stop.interruptible():
        if not execution.printer.confirm(plan):
            raise DeclinedError("the plan was not confirmed; nothing was written")
    if execution.until is None:
        return execution
    return replace(execution, until=execution.until + clock.monotonic() - asked_at)


def _leases(execution: Execution) -> AbstractContextManager[Leases]:
    return hold_leases(
        execution.planned.plan,
        execution.options.shard,
        execution.client,
        execution.clock,
        namespace=execution.planned.live.kubevirt.ref.namespace,
        run_id=execution.run_id,
        scale=execution.options.cluster.time_scale,
        until=execution.until,
        alive_s=execution.options.wait_for_lease_s,
    )


def _unwritten(
    execution: Execution, error: ReconcilerError | Terminated | KeyboardInterrupt
) -> RunReport:
    why, message = error_code(error)
    report = unwritten(
        execution.planned.plan,
        run_id=execution.run_id,
        started_at=execution.started_at,
        ended_at=execution.clock.now(),
        why=why,
        message=message,
    )
    return replace(report, excused=report.exit in execution.options.excused)


def _roll_out(
    execution: Execution,
    approval: Approval | None,
    held: Leases,
    recorder: Recorder,
    trace: Tracer,
) -> RunReport:
    clock, planned, stop = execution.clock, execution.planned, execution.stop
    if execution.options.deadline_s is not None and planned.plan.applyable:
        limit = duration(execution.options.deadline_s)
        log.info("the run ends after %s at the latest; set --deadline to change the limit", limit)
    ends_at = None
    if execution.until is not None:
        ends_at = clock.now() + timedelta(seconds=execution.until - clock.monotonic())
    with execution.printer.progress(planned.plan, ends_at) as show:

        def listener(progress: Progress) -> None:
            show(progress)
            trace(progress)

        context = RunContext(
            informer=execution.informer,
            writer=ClusterWriter(
                execution.client, parallel=PARALLEL_WRITES, meanwhile=execution.meanwhile
            ),
            config_lease=held.config,
            memory_lease=held.memory,
            clock=clock,
            recorder=recorder,
            listener=listener,
            stopping=lambda: execution.ended_by,
            alerts=execution.alerts,
            clock_difference=lambda: clock_difference(clock),
            breakable=stop.breakable,
        )
        left_s = None if execution.until is None else max(0.0, execution.until - clock.monotonic())
        policy = RolloutPolicy(
            failure_budget=planned.config.failure_budget,
            annotate=planned.config.annotate,
            approval=approval,
            deadline_s=left_s,
            follow=not execution.options.no_wait,
        )
        return rollout.run(
            planned.plan,
            planned.desired,
            planned.policy,
            policy,
            context,
            run_id=execution.run_id,
        )


def _notes(execution: Execution, approval: Approval | None, trace: Tracer) -> Iterator[str]:
    """Yield the report's notes about the approval, and about ignored windows and alerts."""
    if approval is not None:
        yield approval_options.note(approval)
    if execution.windows_ignored:
        yield (
            "the maintenance windows in .reconciler.yaml were ignored because of --ignore-windows"
        )
    if execution.alerts_ignored:
        yield (
            "the alerts of rollout.holdWhile in .reconciler.yaml were ignored because of "
            "--ignore-alerts"
        )
    if trace.problem:
        yield trace.problem
