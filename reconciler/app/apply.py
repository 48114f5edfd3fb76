"""``run``: implements ``apply`` and ``reconcile``: plans, applies the plan and reports."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from reconciler.app import approval_options, output_files
from reconciler.app.apply_options import ApplyOptions
from reconciler.app.deliver_report import deliver, write_only
from reconciler.app.error_codes import OutrankedError, error_code
from reconciler.app.leases import Leases, hold_leases
from reconciler.app.read_and_plan import (
    PlanWithInputs,
    clock_difference,
    read_and_plan,
    require_agreeing_clocks,
)
from reconciler.app.run_printer import RunPrinter
from reconciler.app.stop import Stop, Terminated, stop_on_signals
from reconciler.app.trace_file import Tracer, open_tracer
from reconciler.app.wiring import cluster_wiring, process_name, source_wiring
from reconciler.cluster.api.client import Client
from reconciler.cluster.informer.informer import ClusterInformer
from reconciler.cluster.write.writer import ClusterWriter
from reconciler.errors import DeclinedError, ReconcilerError
from reconciler.model.desired.config import Mode
from reconciler.model.run.outcome import ExitCode, RunReport
from reconciler.plan.plan_policy import plan_policy
from reconciler.ports import Clock
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
"""The maximum number of parallel write requests; an overloaded API server answers with 429."""
HURRY_S = 8.0
"""The time limit for requests after a stop signal, in seconds; Kubernetes kills a pod after 30."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """The objects that one run uses, such as the clock, the options and the leases."""

    options: ApplyOptions
    clock: Clock
    printer: RunPrinter
    stop: Stop
    client: Client
    informer: ClusterInformer
    planned: PlanWithInputs
    run_id: str
    started_at: datetime
    until: float | None
    """The monotonic time of the deadline, in seconds; None if there is no deadline."""

    @property
    def windows_ignored(self) -> bool:
        """Whether the run ignores windows that the configuration contains."""
        return self.options.ignore_windows and bool(self.planned.config.windows)


def run(options: ApplyOptions, clock: Clock, printer: RunPrinter) -> ExitCode:
    """Plan once, apply the plan, and report the results.

    Raises:
        ReconcilerError: The run ended before it could write.
        Terminated: SIGTERM arrived before the run could write.
        KeyboardInterrupt: Ctrl-C was pressed before the run could write, or twice.
    """
    approval = approval_options.read(options)
    if approval is not None:
        source = approval_options.approved_source(options, approval)
        options = replace(options, source=source)
    if options.report is not None:
        output_files.reserve(options.report, "--report")
    with ExitStack() as stack:
        session = _plan(options, clock, printer, stack)
        report = _apply(session, approval)
    if session.stop.interrupted:
        report = replace(report, exit=ExitCode.INTERRUPTED)
    report = replace(report, excused=report.exit in options.excused)
    deliver(report, options.report, printer)
    return report.returned


def _plan(options: ApplyOptions, clock: Clock, printer: RunPrinter, stack: ExitStack) -> _Session:
    """Read the desired state and the live state, and compute a plan.

    *stack* closes the opened readers.
    """
    started, until = clock.monotonic(), None
    source, scale = options.source, options.cluster.time_scale
    if options.deadline_s is not None:
        until = started + options.deadline_s
        source = replace(source, fetch_timeout_s=min(source.fetch_timeout_s, options.deadline_s))
    policy = partial(plan_policy, shard=options.shard, ignore_windows=options.ignore_windows)
    stop = stack.enter_context(stop_on_signals())
    with stop.interruptible():
        desired = stack.enter_context(source_wiring.desired(source))
        client = stack.enter_context(cluster_wiring.client(options.cluster, clock))
        stop.on_request.append(lambda: client.hurry(HURRY_S))
        informer = stack.enter_context(cluster_wiring.informer(client, clock, scale=scale))
        planned = read_and_plan(desired, informer, clock, policy)
    return _Session(
        options=options,
        clock=clock,
        printer=printer,
        stop=stop,
        client=client,
        informer=informer,
        planned=planned,
        run_id=process_name.run_id(),
        # The clock now has the API server's time, which is used for all times in the report.
        started_at=clock.now() - timedelta(seconds=clock.monotonic() - started),
        until=until,
    )


def _apply(session: _Session, approval: Approval | None) -> RunReport:
    """Apply a plan and return the report.

    If the run ends before it may write, its report is written only to the file of ``--report``.
    """
    options, planned = session.options, session.planned
    observing = options.unattended and planned.config.mode is Mode.OBSERVE
    if session.windows_ignored:
        log.warning("ignoring the windows of .reconciler.yaml because of --ignore-windows")
    trace = None
    broken: list[BaseException] = []
    with ExitStack() as stack:
        try:
            trace = stack.enter_context(
                open_tracer(
                    options.trace,
                    run_id=session.run_id,
                    revision=planned.plan.revision,
                    log=session.printer.trace_log,
                )
            )
            session.printer.show_plan(planned.plan)
            if not observing:
                require_agreeing_clocks(planned.plan)
            approval = approval_options.check(planned.plan, approval, options.expect_digest)
            session = _confirmed(session)
            # Opened before the leases, so that other runs need not wait until the Events are sent.
            recorder = stack.enter_context(
                cluster_wiring.recorder(
                    session.client,
                    session.clock,
                    instance=session.run_id,
                    revision=planned.desired.revision,
                    hurried=lambda: session.stop.requested,
                    broken=broken.append,
                )
            )
            with session.stop.interruptible():
                held = None if observing else stack.enter_context(_leases(session))
                if held is not None:
                    require_history(held, planned.desired.in_force, planned.history)
                    record_commit(held, planned.desired.in_force, planned.history)
        except (ReconcilerError, Terminated, KeyboardInterrupt) as error:
            report = _unwritten(session, error)
            if trace is not None:
                trace.finish(report)
            write_only(report, options.report, session.printer)
            if report.exit is not error_code(error)[0]:
                raise OutrankedError(report.exit, error) from error
            raise
        if held is None:
            report = observed(planned.plan, run_id=session.run_id, at=session.clock.now())
        else:
            report = _roll_out(session, approval, held, recorder, trace)
        trace.finish(report)
    if broken:
        report = replace(
            report, exit=ExitCode.ERROR, message=f"the run ended because of an error: {broken[0]}"
        )
    return replace(report, notes=(*report.notes, *_notes(session, approval, trace)))


def _confirmed(session: _Session) -> _Session:
    """Ask for confirmation if the options require this; the wait does not count as run time.

    Raises:
        DeclinedError: The user does not want the plan applied.
    """
    plan, clock = session.planned.plan, session.clock
    if not session.options.ask or not plan.applyable:
        return session
    asked_at = clock.monotonic()
    with session.stop.interruptible():
        if not session.printer.confirm(plan):
            raise DeclinedError("the plan was not confirmed; nothing was written")
    if session.until is None:
        return session
    return replace(session, until=session.until + clock.monotonic() - asked_at)


def _leases(session: _Session) -> AbstractContextManager[Leases]:
    return hold_leases(
        session.planned.plan,
        session.options.shard,
        session.client,
        session.clock,
        namespace=session.planned.live.kubevirt.ref.namespace,
        run_id=session.run_id,
        scale=session.options.cluster.time_scale,
        until=session.until,
    )


def _unwritten(
    session: _Session, error: ReconcilerError | Terminated | KeyboardInterrupt
) -> RunReport:
    why, message = error_code(error)
    report = unwritten(
        session.planned.plan,
        run_id=session.run_id,
        started_at=session.started_at,
        ended_at=session.clock.now(),
        why=why,
        message=message,
    )
    return replace(report, excused=report.exit in session.options.excused)


def _roll_out(
    session: _Session,
    approval: Approval | None,
    held: Leases,
    recorder: Recorder,
    trace: Tracer,
) -> RunReport:
    clock, planned, stop = session.clock, session.planned, session.stop
    if session.options.deadline_s is not None and planned.plan.applyable:
        limit = duration(session.options.deadline_s)
        log.info("the run ends after %s at the latest; --deadline sets another time", limit)
    ends_at = None
    if session.until is not None:
        ends_at = clock.now() + timedelta(seconds=session.until - clock.monotonic())
    with session.printer.progress(planned.plan, ends_at) as show:

        def listener(progress: Progress) -> None:
            show(progress)
            trace(progress)

        context = RunContext(
            informer=session.informer,
            writer=ClusterWriter(session.client, parallel=PARALLEL_WRITES),
            config_lease=held.config,
            memory_lease=held.memory,
            clock=clock,
            recorder=recorder,
            listener=listener,
            stopping=lambda: stop.requested,
            clock_difference=lambda: clock_difference(clock),
            breakable=stop.breakable,
        )
        left_s = None if session.until is None else max(0.0, session.until - clock.monotonic())
        policy = RolloutPolicy(
            failure_budget=planned.config.failure_budget,
            annotate=planned.config.annotate,
            approval=approval,
            deadline_s=left_s,
            follow=not session.options.no_wait,
        )
        return rollout.run(
            planned.plan,
            planned.desired,
            planned.policy,
            policy,
            context,
            run_id=session.run_id,
        )


def _notes(session: _Session, approval: Approval | None, trace: Tracer) -> Iterator[str]:
    """Yield the notes about this run that an auditor needs."""
    if approval is not None:
        yield approval_options.note(approval)
    if session.windows_ignored:
        yield "the windows of .reconciler.yaml were ignored because of --ignore-windows"
    if trace.problem:
        yield trace.problem
