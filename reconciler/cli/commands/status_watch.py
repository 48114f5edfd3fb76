"""``status --watch``: shows the status of the VMs again after each change to the cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from reconciler.app.read_and_plan import read_and_plan
from reconciler.app.stop import Terminated, stop_on_signals
from reconciler.app.wiring import cluster_wiring, source_wiring
from reconciler.cli.terminal import screen
from reconciler.cli.terminal.error_output import show_errors
from reconciler.model.run.outcome import ExitCode
from reconciler.plan.plan_policy import plan_policy
from reconciler.plan.planner import Planner
from reconciler.report.json_text import compact
from reconciler.report.status_changes import changed_lines, status_lines, without_times
from reconciler.report.status_document import Status, status_document
from reconciler.report.status_text import status_text
from reconciler.rollout.tracking.judge_convergence import judge

if TYPE_CHECKING:
    from typing import Any

    from reconciler.cli.commands.status_options import StatusOptions
    from reconciler.ports import Clock

REFRESH_S = 5.0
"""Seconds after which the status is shown again without a change, because a timeout can expire."""


_Show: TypeAlias = Callable[[Status], None]


def run(options: StatusOptions, clock: Clock) -> ExitCode:
    """Show the status until the deadline or a signal; read Git only once, at the start.

    Returns:
        0 after SIGTERM; 130 after Ctrl-C, like ``kubectl get -w``. After the deadline: 3 if part
        of the desired state is invalid, and 0 otherwise.

    Raises:
        SourceError: The desired state cannot be read.
        InvalidError: The desired state is invalid.
        ClusterError: The cluster cannot be read, or has not responded for two minutes.
    """
    with stop_on_signals() as stop:
        try:
            with stop.interruptible(), _shown(json=options.json) as show:
                return _follow(options, clock, show)
        except Terminated:
            return ExitCode.DONE
        except KeyboardInterrupt:
            return ExitCode.INTERRUPTED


def _follow(options: StatusOptions, clock: Clock, show: _Show) -> ExitCode:
    started, scope = clock.monotonic(), options.source.scope()
    with (
        source_wiring.desired(options.source) as reader,
        cluster_wiring.client(options.cluster, clock) as client,
        cluster_wiring.informer(client, clock) as informer,
    ):
        found = read_and_plan(reader, informer, clock, plan_policy)
        show_errors(found.plan.diagnostics, options.log.log_format)
        live, left_s, planner = found.live, REFRESH_S, Planner()
        while left_s > 0:
            planner.update(found.desired, live, found.policy, clock.now())
            judged = {ref: judge(planner.decision(ref)) for ref in found.desired.vms}
            status = Status(
                desired=found.desired,
                live=live,
                convergence=judged,
                unmanaged=options.unmanaged,
                scope=scope,
            )
            show(status)
            if options.deadline_s is not None:
                left_s = min(REFRESH_S, options.deadline_s - (clock.monotonic() - started))
            if left_s > 0:
                live = informer.wait(left_s)
    return ExitCode.INVALID if found.plan.errored else ExitCode.DONE


@contextmanager
def _shown(*, json: bool) -> Iterator[_Show]:
    """Open the display of the VM status: JSON lines, a table, or one line per changed VM."""
    if json:
        yield _Documents()
    elif screen.style_of(sys.stdout).terminal:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        with Live(console=Console(), auto_refresh=False) as table:
            yield lambda status: table.update(Text.from_ansi(_table(status)), refresh=True)
    else:
        yield _Lines()


def _table(status: Status) -> str:
    style = screen.style_of(sys.stdout)
    return status_text(status, width=style.width, color=style.color)


class _Documents:
    """Prints the status as one line of JSON whenever the status has changed."""

    def __init__(self) -> None:
        self._before: dict[str, Any] = {}

    def __call__(self, status: Status) -> None:
        document = status_document(status)
        now = without_times(document)
        if now != self._before:
            self._before = now
            screen.result(compact(document))


class _Lines:
    """Prints a line for each VM whose status has changed."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}

    def __call__(self, status: Status) -> None:
        now = status_lines(status_document(status))
        at = f"{status.live.observed_at:%H:%M:%S}"
        for line in changed_lines(self._before, now):
            screen.result(f"{at} {line}")
        self._before = now
