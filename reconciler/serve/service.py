"""``run``: starts the threads of ``serve``, and runs the main loop until a signal arrives."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.app.apply_options import ApplyOptions
from reconciler.app.comment.commit_status_poster import CommitStatusPoster
from reconciler.app.counters import Counters
from reconciler.app.execution.leader_note import leader_note
from reconciler.app.execution.leases import leader_lease, serve_lease
from reconciler.app.execution.runner import Runner
from reconciler.app.input_options import DEFAULT_REVISION
from reconciler.app.stop import REQUESTS_S, Stop, Terminated, stop_on_signals
from reconciler.app.wiring import (
    alert_wiring,
    clock_wiring,
    cluster_wiring,
    git_wiring,
    notify_wiring,
    process_name,
    source_wiring,
)
from reconciler.app.wiring.parallel_end import ParallelEnd
from reconciler.model.run.outcome import ExitCode
from reconciler.model.service.counts import Counted
from reconciler.model.service.view import ServiceView, SourceView, Wait
from reconciler.plan.plan_policy import plan_policy
from reconciler.ports import Clock
from reconciler.serve.commit_status import StatusUpdates
from reconciler.serve.git.git_poller import GitPoller
from reconciler.serve.git.push_relay import PushRelay
from reconciler.serve.leadership import Leadership
from reconciler.serve.listeners import http_server
from reconciler.serve.loop.engine import Engine
from reconciler.serve.loop.loop import Loop
from reconciler.serve.loop.loop_parts import LoopParts
from reconciler.serve.loop.outage import outage_shown
from reconciler.serve.loop.restart_wait_keeper import RestartWaitKeeper
from reconciler.serve.loop.wakeups import Wakeup, Wakeups
from reconciler.serve.notifications.notification_center import NotificationCenter
from reconciler.serve.view_store import ViewStore

if TYPE_CHECKING:
    from reconciler.app.read_and_plan import PlanWithInputs
    from reconciler.app.run_printer import RunPrinter
    from reconciler.model.run.outcome import RunReport
    from reconciler.serve.hooks.push_event import PushEvent
    from reconciler.serve.serve_options import ServeOptions

log = logging.getLogger(__name__)

RELEASE_S = 3.0
"""The maximum time to release the leader's Lease, in seconds."""
STOP_READ_S = 2.0
"""The maximum time to wait for the Git poller thread when the process stops, in seconds."""
STUCK_S = 900.0
"""The seconds without an attempt to plan after which ``/healthz`` reports a problem."""
PACE_S = 0.5
"""The minimum pause between two loop iterations that cluster changes cause, in seconds."""


def run(options: ServeOptions, clock: Clock, printer: RunPrinter) -> ExitCode:
    """Reconcile the cluster with Git until SIGTERM or Ctrl-C.

    Raises:
        ReconcilerError: The process cannot start, or one of its threads has failed.
    """
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        try:
            with stop.interruptible():
                service = _opened(options, clock, printer, stop, stack)
            service.run()
        except (Terminated, KeyboardInterrupt):
            log.info(
                "a signal stops this process; KubeVirt continues the changes that have started"
            )
    return ExitCode.INTERRUPTED if stop.interrupted else ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    """The open clients, threads and servers of the ``serve`` process."""

    loop: Loop
    poller: GitPoller
    wakeups: Wakeups
    stop: Stop
    clock: Clock
    scale: float

    def run(self) -> None:
        """Repeat the main loop until a signal arrives."""
        while not self.stop.requested:
            began = self.clock.monotonic()
            left_s = self.loop.turn()
            if self.poller.error is not None:
                raise self.poller.error
            if left_s > 0:
                with self.stop.interruptible():
                    self._wait(left_s, self.clock.monotonic() - began)

    def _wait(self, left_s: float, turn_s: float) -> None:
        """Wait until the next loop iteration; pause longer if the cluster changes constantly."""
        found = self.wakeups.wait(left_s / self.scale)
        if found == {Wakeup.CLUSTER}:
            self.clock.sleep(max(PACE_S * self.scale, turn_s))


def _opened(
    options: ServeOptions, clock: Clock, printer: RunPrinter, stop: Stop, stack: ExitStack
) -> _Service:
    """Open the cluster client and start the threads; *stack* stops them."""
    source, scale = options.source, options.cluster.time_scale
    instance, wakeups, counters = process_name.run_id(), Wakeups(), Counters()
    store = ViewStore(_first_view(options, instance, clock), clock)
    policy = partial(plan_policy, shard=options.shard)
    client = stack.enter_context(
        cluster_wiring.client(options.cluster, clock, counted=counters.count_request)
    )
    stop.on_request.append(lambda: client.hurry(REQUESTS_S))
    informer = stack.enter_context(
        cluster_wiring.informer(
            client, clock, scale=scale, changed=partial(wakeups.wake, Wakeup.CLUSTER)
        )
    )
    poller = GitPoller(
        lambda: source_wiring.polled(source),
        clock,
        interval_s=options.service.interval_s,
        jitter_s=options.service.jitter_s,
        changed=partial(wakeups.wake, Wakeup.GIT),
        stop_read=git_wiring.end_reads,
        counted=partial(counters.add, Counted.GIT_FETCHES),
    )
    probe = stack.enter_context(cluster_wiring.api_probe(client, clock))
    leadership = Leadership(
        leader_lease(
            client.without_retries(), clock, instance=instance, scale=scale, shard=options.shard
        ),
        clock,
        instance=instance,
        changed=partial(wakeups.wake, Wakeup.LEADERSHIP),
    )
    note = leader_note(client.without_retries(), options.shard)
    relay = PushRelay(leadership, note, clock, poller.wake)
    leadership.steps.append(relay.step)
    keeper = RestartWaitKeeper(leadership, lambda: store.read()[1], clock)
    leadership.steps.append(keeper.step)
    ending = stack.enter_context(ParallelEnd(stop.threads_left_s))
    ending.callback(leadership.end, RELEASE_S)
    ending.callback(poller.end, STOP_READ_S)
    alerts = stack.enter_context(
        alert_wiring.alerts(options.prometheus, clock, partial(wakeups.wake, Wakeup.OTHER))
    )
    engine = Engine(informer, clock, policy, alerts)

    def outage() -> Wait | None:
        return outage_shown(probe.failing, clock.now()) or outage_shown(
            engine.outage(), clock.now()
        )

    runner = Runner(
        options=ApplyOptions(
            source=source,
            shard=options.shard,
            cluster=options.cluster,
            deadline_s=options.deadline_s,
            trace=options.trace,
            unattended=True,
        ),
        client=client,
        informer=informer,
        clock=clock,
        printer=printer,
        stop=stop,
        instance=instance,
        alerts=alerts,
    )

    def ended(report: RunReport) -> None:
        counters.count_run(report)
        _log_run(report)

    def planned(found: PlanWithInputs) -> None:
        counters.count_live(found.live)

    parts = LoopParts(
        git=poller,
        leader=leadership,
        engine=engine,
        runner=runner,
        store=store,
        clock=clock,
        leads_to_observe=options.service.notify is not None or options.status is not None,
        interruptible=stop.interruptible,
        ended=ended,
        late=counters.count_late_change,
        stored_waits=keeper.take,
        planned=planned,
    )
    loop = Loop(parts)

    def pushed(_event: PushEvent) -> None:
        poller.wake()
        relay.pushed()

    def problem() -> str:
        return _problem(clock.monotonic() - loop.planned_at, poller, leadership)

    server = http_server(
        options.service,
        source,
        store,
        counters,
        clock_wiring.machine_clock(),
        wake=pushed,
        problem=problem,
        outage=outage,
    )
    if options.service.notify is not None:
        notifier = notify_wiring.notifier(
            options.service.notify,
            source.repo or "",
            clock,
            counted=partial(counters.add, Counted.NOTIFICATIONS),
            external_url=options.service.external_url,
            docs_url=options.service.docs_url,
        )
        center = NotificationCenter(
            leadership,
            ending.enter(notifier),
            clock,
            show=lambda records: store.update(notifications=records),
        )
        leadership.steps.append(lambda: center.update(store.read()[1]))
    if options.status is not None:
        poster = CommitStatusPoster(options.status, os.environ, clock)
        ending.enter(poster)
        stack.callback(store.subscribe(StatusUpdates(store, poster.show)))
    poller.start()
    ending.enter(server)
    for what, address in zip(("status page", "webhooks"), server.addresses, strict=False):
        log.info("the server for the %s listens on http://%s", what, address)
    return _Service(loop=loop, poller=poller, wakeups=wakeups, stop=stop, clock=clock, scale=scale)


def _problem(silent_s: float, poller: GitPoller, leadership: Leadership) -> str:
    """Return why the process should be restarted, or an empty string if it is healthy."""
    if not poller.is_alive():
        return "the thread that polls the Git repository has ended"
    if leadership.ident is not None and not leadership.is_alive():
        return "the thread that renews the leader Lease has ended"
    if silent_s > STUCK_S:
        return f"reconciler has not tried to make a plan for {silent_s:.0f} s"
    return ""


def _first_view(options: ServeOptions, instance: str, clock: Clock) -> ServiceView:
    now = clock.now()
    return ServiceView(
        instance=instance,
        version=__version__,
        started_at=now,
        at=now,
        history_since=now,
        lease=serve_lease(options.shard),
        shard=options.shard.index,
        source=SourceView(
            address=source_wiring.shown_address(options.source.repo or ""),
            revision=options.source.revision or DEFAULT_REVISION,
        ),
    )


def _log_run(report: RunReport) -> None:
    """Log the result of a rollout in one line."""
    counted: dict[str, int] = {}
    for each in report.outcomes:
        counted[each.result] = counted.get(each.result, 0) + 1
    results = ", ".join(f"{n} {result}" for result, n in counted.items()) or "no changes"
    reason = f"; {report.message}" if report.message else ""
    words = "run %s for commit %s ended with exit code %d: %s%s"
    log.info(words, report.run_id, report.plan.revision[:12], report.exit, results, reason)
