"""Plan, apply, follow, report: what ``apply`` and ``reconcile`` share."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.app import approval_options, leases, output_files, trace_file, wiring
from reconciler.app.stop import Stop, Terminated, stop_on_signals
from reconciler.app.survey import Survey
from reconciler.cli.options import TextFormat
from reconciler.cli.terminal import exit_codes, run_output
from reconciler.cluster.api.client import Client
from reconciler.cluster.informer.informer import ClusterInformer
from reconciler.errors import ReconcilerError
from reconciler.model.desired.config import Mode
from reconciler.model.plan.approval import Approval
from reconciler.model.run.outcome import ExitCode, RunReport
from reconciler.ports import Clock, Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cluster.write.event_queue import QueuedRecorder

log = logging.getLogger(__name__)

HURRY_S = 8.0
"""How long after a signal the last request may end; a pod is killed after 30 s by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """What the command line asks for."""

    source: wiring.SourceOptions
    cluster: wiring.ClusterOptions = field(default_factory=wiring.ClusterOptions)
    output: TextFormat = TextFormat.TEXT
    log_format: TextFormat = TextFormat.TEXT
    verbose: int = 0
    deadline_s: float | None = None
    follow: bool = True
    show_plan: bool = True
    unattended: bool = False
    """Whether `mode: observe` of the configuration binds this command."""
    approval: Approval | None = None
    """Nothing else is written."""
    expect_digest: str | None = None
    """Of the plan, without which nothing is written."""
    ignore_windows: bool = False
    report: Path | None = None
    """Where the report goes, besides stdout."""
    trace: Path | None = None
    """Where the lines of the VMs are appended."""


PARALLEL_WRITES = 16
"""Requests under way at once; few enough for the share that API priority and fairness leaves one
client, and a server that has less says so with 429."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """What one run has opened."""

    asked: ApplyOptions
    clock: Clock
    began: float
    """Monotonic, before the desired state was read."""
    stop: Stop
    client: Client
    informer: ClusterInformer
    found: Survey
    run_id: str
    started_at: datetime

    @property
    def until(self) -> float | None:
        """When its time is over, monotonic; None for no deadline."""
        deadline_s = self.asked.deadline_s
        return None if deadline_s is None else self.began + deadline_s


def run(asked: ApplyOptions, clock: Clock) -> ExitCode:
    """One whole run; the report goes to stdout, everything on the way to stderr."""
    from reconciler.app.survey import survey  # noqa: PLC0415 - with it
    from reconciler.cluster.informer.informer import ClusterInformer  # noqa: PLC0415 - keeps --help fast

    began = clock.monotonic()
    if asked.report is not None:
        output_files.claim(asked.report, "--report")
    consents = partial(
        wiring.plan_policy, shard=asked.source.shard, ignore_windows=asked.ignore_windows
    )
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        with stop.at_once():
            desired = stack.enter_context(wiring.desired(_in_time(asked)))
            client = stack.enter_context(wiring.client(asked.cluster, clock))
            stop.when_asked.append(lambda: client.hurry(HURRY_S))
            informer = stack.enter_context(
                ClusterInformer(client, clock=clock, scale=asked.cluster.time_scale)
            )
            found = survey(desired, informer, clock, consents)
        session = _Session(
            asked=asked,
            clock=clock,
            began=began,
            stop=stop,
            client=client,
            informer=informer,
            found=found,
            run_id=wiring.run_id(),
            # By the clock that the API server has set meanwhile, as is all else in the report.
            started_at=clock.now() - timedelta(seconds=clock.monotonic() - began),
        )
        run_output.show_plan(found.plan, asked)
        report = _carried_out(session)
    if stop.interrupted:
        report = replace(report, exit=ExitCode.INTERRUPTED)
    try:
        run_output.leave_report(report, asked)
    finally:
        run_output.show_report(report, asked)
    return report.exit


def _carried_out(session: _Session) -> RunReport:
    """The run's report; one that ends before it may write leaves its report as a file alone."""
    asked, found = session.asked, session.found
    observing = asked.unattended and found.config.mode is Mode.OBSERVE
    if asked.ignore_windows and found.config.windows:
        log.warning("the windows of .reconciler.yaml are ignored, as asked by --ignore-windows")
    tracer = None
    with ExitStack() as stack:
        try:
            tracer = stack.enter_context(_tracer(session))
            approval = approval_options.agreed(found.plan, asked.approval, asked.expect_digest)
            # Before the leases: they are given back first, nobody waits for our Events.
            recorder = stack.enter_context(_recorder(session))
            held = None if observing else stack.enter_context(_leases(session))
        except (ReconcilerError, Terminated, KeyboardInterrupt) as error:
            code, message = exit_codes.ending(error)
            unwritten = _unwritten(session, code, message)
            if tracer is not None:
                tracer.finish(unwritten)
            run_output.leave_report(unwritten, asked)
            raise
        if held is None:
            report = _observed(session)
        else:
            report = _rollout(session, approval, held, recorder, tracer)
        tracer.finish(report)
    return replace(report, notes=(*report.notes, *_notes(session, approval)))


def _tracer(session: _Session) -> AbstractContextManager[trace_file.Tracer]:
    return trace_file.tracer(
        session.asked.trace,
        run_id=session.run_id,
        revision=session.found.plan.revision,
        in_log=session.asked.log_format is TextFormat.JSON,
    )


def _recorder(session: _Session) -> QueuedRecorder:
    from reconciler.cluster.write.event_queue import QueuedRecorder  # noqa: PLC0415 - keeps --help fast
    from reconciler.cluster.write.events import ClusterRecorder  # noqa: PLC0415 - with it

    recorder = ClusterRecorder(
        session.client,
        clock=session.clock,
        instance=session.run_id,
        revision=session.found.desired.revision,
    )
    return QueuedRecorder(recorder, hurried=lambda: session.stop.asked)


@contextmanager
def _leases(session: _Session) -> Iterator[leases.Leases]:
    """What has to be held; waiting for it ends with a signal, or when the run's time is over."""
    asked, found = session.asked, session.found
    with ExitStack() as stack:
        with session.stop.at_once():
            held = stack.enter_context(
                leases.leases(
                    found.plan,
                    asked.source.shard,
                    session.client,
                    session.clock,
                    namespace=found.live.kubevirt.ref.namespace,
                    run_id=session.run_id,
                    scale=asked.cluster.time_scale,
                    until=session.until,
                )
            )
        yield held


def _notes(session: _Session, approval: Approval | None) -> Iterator[str]:
    """What an audit should know of the run."""
    if approval is not None:
        yield approval_options.note(approval)
    if session.asked.ignore_windows and session.found.config.windows:
        yield "the windows of .reconciler.yaml were ignored, as asked by --ignore-windows"


def _unwritten(session: _Session, why: ExitCode, message: str) -> RunReport:
    from reconciler.rollout.early_report import unwritten  # noqa: PLC0415 - rarely needed

    return unwritten(
        session.found.plan,
        run_id=session.run_id,
        started_at=session.started_at,
        ended_at=session.clock.now(),
        why=why,
        message=message,
    )


def _in_time(asked: ApplyOptions) -> wiring.SourceOptions:
    """A fetch takes no longer than the whole run may."""
    if asked.deadline_s is None:
        return asked.source
    limit_s = min(asked.source.fetch_timeout_s, asked.deadline_s)
    return replace(asked.source, fetch_timeout_s=limit_s)


def _observed(session: _Session) -> RunReport:
    from reconciler.rollout.observed import observed  # noqa: PLC0415 - rarely needed

    return observed(session.found.plan, run_id=session.run_id, at=session.clock.now())


def _rollout(
    session: _Session,
    approval: Approval | None,
    held: leases.Leases,
    recorder: Recorder,
    tracer: trace_file.Tracer,
) -> RunReport:
    from reconciler.cluster.write.writer import ClusterWriter  # noqa: PLC0415 - keeps --help fast
    from reconciler.rollout import run  # noqa: PLC0415 - with it
    from reconciler.rollout.run_context import Outside  # noqa: PLC0415 - with it

    clock, found, run_id = session.clock, session.found, session.run_id
    with run_output.listener(session.asked) as listener:
        outside = Outside(
            informer=session.informer,
            writer=ClusterWriter(session.client, parallel=PARALLEL_WRITES),
            config_lease=held.config,
            memory_lease=held.memory,
            clock=clock,
            recorder=recorder,
            listener=run_output.Listeners((listener, tracer)),
            stopping=lambda: session.stop.asked,
            breakable=session.stop.breakable,
        )
        until = session.until
        policy = wiring.rollout_policy(
            found.config,
            deadline_s=None if until is None else max(0.0, until - clock.monotonic()),
            follow=session.asked.follow,
            approval=approval,
        )
        return run.run(found.plan, found.desired, found.policy, policy, outside, run_id=run_id)
