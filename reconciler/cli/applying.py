"""Plan, apply, follow, report: what ``apply`` and ``reconcile`` share."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.cli import screen, wiring
from reconciler.cli.options import TextFormat
from reconciler.cli.signals import Stop, stop_on_signals
from reconciler.cluster.client import Client
from reconciler.cluster.feed import ClusterFeed
from reconciler.model.config import Mode
from reconciler.model.outcome import ExitCode, RunReport
from reconciler.model.plan import Effect, Plan
from reconciler.ports import Clock
from reconciler.survey import Survey

if TYPE_CHECKING:
    from reconciler.model.live import LiveState
    from reconciler.model.room import Room
    from reconciler.ports import Lease, Listener

log = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """What one run has opened."""

    asked: ApplyOptions
    clock: Clock
    began: float
    """Monotonic, before the desired state was read."""
    stop: Stop
    client: Client
    feed: ClusterFeed
    found: Survey


def run(asked: ApplyOptions, clock: Clock) -> ExitCode:
    """One whole run; the report goes to stdout, everything on the way to stderr."""
    from reconciler.cluster.feed import ClusterFeed  # noqa: PLC0415 - keeps --help fast
    from reconciler.survey import survey  # noqa: PLC0415 - with it

    began = clock.monotonic()
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        with stop.at_once():
            desired = stack.enter_context(wiring.desired(_in_time(asked)))
            client = stack.enter_context(wiring.client(asked.cluster, clock))
            feed = ClusterFeed(client, clock=clock, scale=asked.cluster.time_scale)
            found = survey(desired, _Opening(feed, stack), clock, wiring.plan_policy)
        session = _Session(
            asked=asked,
            clock=clock,
            began=began,
            stop=stop,
            client=client,
            feed=feed,
            found=found,
        )
        _show_plan(found.plan, asked)
        observing = asked.unattended and found.config.mode is Mode.OBSERVE
        report = _observed(session) if observing else _rollout(session)
    if stop.interrupted:
        report = replace(report, exit=ExitCode.INTERRUPTED)
    _show_report(report, asked)
    return report.exit


def _in_time(asked: ApplyOptions) -> wiring.SourceOptions:
    """A fetch takes no longer than the whole run may."""
    if asked.deadline_s is None:
        return asked.source
    limit_s = min(asked.source.fetch_timeout_s, asked.deadline_s)
    return replace(asked.source, fetch_timeout_s=limit_s)


@dataclass(frozen=True, slots=True)
class _Opening:
    """Opens the feed at the first read, so that an invalid desired state asks no cluster."""

    feed: ClusterFeed
    stack: ExitStack

    def read(self) -> LiveState:
        return self.stack.enter_context(self.feed).current()

    def room(self) -> Room | None:
        return self.feed.room()


def _observed(session: _Session) -> RunReport:
    from reconciler.rollout.observed import observed  # noqa: PLC0415 - rarely needed

    return observed(session.found.plan, run_id=wiring.run_id(), at=session.clock.now())


def _rollout(session: _Session) -> RunReport:
    from reconciler.cluster.events import ClusterRecorder  # noqa: PLC0415 - keeps --help fast
    from reconciler.cluster.writer import ClusterWriter  # noqa: PLC0415 - with it
    from reconciler.rollout import loop  # noqa: PLC0415 - with it
    from reconciler.rollout.outside import Outside  # noqa: PLC0415 - with it

    asked, clock, found = session.asked, session.clock, session.found
    run_id = wiring.run_id()
    with ExitStack() as stack:
        with session.stop.at_once():
            lease = stack.enter_context(_lease(session, run_id))
        outside = Outside(
            feed=session.feed,
            writer=ClusterWriter(session.client),
            lease=lease,
            clock=clock,
            recorder=ClusterRecorder(session.client, clock=clock, instance=run_id),
            listener=stack.enter_context(_listener(asked)),
            stopping=lambda: session.stop.asked,
        )
        left_s = None
        if asked.deadline_s is not None:
            left_s = max(0.0, asked.deadline_s - (clock.monotonic() - session.began))
        policy = wiring.rollout_policy(found.config, deadline_s=left_s, follow=asked.follow)
        return loop.run(found.plan, found.desired, found.policy, policy, outside, run_id=run_id)


@contextmanager
def _lease(session: _Session, run_id: str) -> Iterator[Lease]:
    """The lease, where the run may write; the rights are looked at first, all at once."""
    from reconciler.cluster import access  # noqa: PLC0415 - keeps --help fast
    from reconciler.cluster.lease import ClusterLease, LeaseTimes  # noqa: PLC0415 - with it
    from reconciler.rollout import loop  # noqa: PLC0415 - with it

    plan, kubevirt = session.found.plan, session.found.live.kubevirt.ref
    if not loop.touches(plan):
        yield loop.NoLease()
        return
    kinds = {action.ref.kind for wave in plan.waves for action in wave.actions}
    rights = access.apply_rights(
        kubevirt.namespace,
        wiring.LEASE,
        config=kubevirt.kind in kinds,
        create=any(each.effect is Effect.CREATE for each in plan.decisions),
    )
    access.require(session.client, rights)
    with ClusterLease(
        session.client,
        clock=session.clock,
        namespace=kubevirt.namespace,
        name=wiring.LEASE,
        holder=run_id,
        times=LeaseTimes().scaled(session.asked.cluster.time_scale),
    ) as lease:
        yield lease


@contextmanager
def _listener(asked: ApplyOptions) -> Iterator[Listener]:
    from reconciler.cli.display import LineDisplay, LiveDisplay  # noqa: PLC0415 - keeps --help fast
    from reconciler.cli.logs import LogFormat  # noqa: PLC0415 - with it

    look = screen.look(sys.stderr)
    if look.terminal and asked.log_format is TextFormat.TEXT:
        from rich.console import Console  # noqa: PLC0415 - only on a terminal

        with LiveDisplay(Console(stderr=True)) as display:
            yield display
        return
    yield LineDisplay(sys.stderr, LogFormat(asked.log_format.value))


def _show_plan(plan: Plan, asked: ApplyOptions) -> None:
    """The plan first, for people; a program reads it in the report."""
    if not asked.show_plan or TextFormat.JSON in (asked.output, asked.log_format):
        return
    from reconciler.report.text import plan_text  # noqa: PLC0415 - one of several formats

    look = screen.look(sys.stdout)
    text = plan_text(plan, width=look.width, color=look.color, verbose=asked.verbose > 0)
    screen.result(text)


def _show_report(report: RunReport, asked: ApplyOptions) -> None:
    if asked.output is TextFormat.JSON:
        from reconciler.report.structured import run_json  # noqa: PLC0415 - one of two formats

        screen.result(run_json(report))
        return
    from reconciler.report.run_text import run_text  # noqa: PLC0415 - one of two formats

    look = screen.look(sys.stdout)
    text = run_text(report, width=look.width, color=look.color, verbose=asked.verbose > 0)
    screen.result(text)
