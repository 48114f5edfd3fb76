"""``status --watch``: the status again after each change of the cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from reconciler.app import wiring
from reconciler.app.stop import Terminated, stop_on_signals
from reconciler.app.survey import survey
from reconciler.cli.options import StatusOptions, TextFormat
from reconciler.cli.terminal import screen
from reconciler.model.run.outcome import ExitCode
from reconciler.plan.plan_policy import plan_policy
from reconciler.plan.planner import Planner
from reconciler.report.json_text import compact
from reconciler.report.status_changes import changed_lines, essence, status_lines
from reconciler.report.status_document import Status, status_document
from reconciler.report.status_text import status_text
from reconciler.rollout.tracking.convergence import convergence

if TYPE_CHECKING:
    from typing import Any

    from reconciler.ports import Clock

LOOK_S = 5.0
"""A verdict may change by the passing of time alone; so often it is looked at all the same."""


_Show: TypeAlias = Callable[[Status], None]


def run(asked: StatusOptions, clock: Clock) -> ExitCode:
    """Show the status until the deadline or a signal; Git is read once.

    Returns:
        0 after the deadline or SIGTERM, 130 after Ctrl-C, as a shell says it of ``kubectl -w``.

    Raises:
        SourceError: The desired state cannot be read.
        InvalidError: It is invalid.
        ClusterError: The cluster cannot be read, or not for two minutes.
    """
    with stop_on_signals() as stop:
        try:
            with stop.at_once(), _shown(asked.output) as show:
                _follow(asked, clock, show)
        except Terminated:
            return ExitCode.DONE
        except KeyboardInterrupt:
            return ExitCode.INTERRUPTED
    return ExitCode.DONE


def _follow(asked: StatusOptions, clock: Clock, show: _Show) -> None:
    began = clock.monotonic()
    with (
        wiring.desired(asked.source) as reader,
        wiring.client(asked.cluster, clock) as client,
        wiring.informer(client, clock) as informer,
    ):
        found = survey(reader, informer, clock, plan_policy)
        live, left_s, planner = found.live, LOOK_S, Planner()
        while left_s > 0:
            planner.update(found.desired, live, found.policy, clock.now())
            judged = {ref: convergence(planner.decision(ref)) for ref in found.desired.vms}
            status = Status(
                desired=found.desired, live=live, convergence=judged, unmanaged=asked.unmanaged
            )
            show(status)
            if asked.deadline_s is not None:
                left_s = min(LOOK_S, asked.deadline_s - (clock.monotonic() - began))
            if left_s > 0:
                live = informer.wait(left_s)


@contextmanager
def _shown(output: TextFormat) -> Iterator[_Show]:
    """How it is shown: a document a line, a live table, or a line a VM that has changed."""
    if output is TextFormat.JSON:
        yield _Documents()
    elif screen.look(sys.stdout).terminal:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        with Live(console=Console(), auto_refresh=False) as table:
            yield lambda status: table.update(Text.from_ansi(_table(status)), refresh=True)
    else:
        yield _Lines()


def _table(status: Status) -> str:
    look = screen.look(sys.stdout)
    return status_text(status, width=look.width, color=look.color)


class _Documents:
    """One JSON document a line, where it says something new."""

    def __init__(self) -> None:
        self._before: dict[str, Any] = {}

    def __call__(self, status: Status) -> None:
        document = status_document(status)
        now = essence(document)
        if now != self._before:
            self._before = now
            screen.result(compact(document))


class _Lines:
    """One line a VM, where it looks otherwise than before."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}

    def __call__(self, status: Status) -> None:
        now = status_lines(status_document(status))
        at = f"{status.live.observed_at:%H:%M:%S}"
        for line in changed_lines(self._before, now):
            screen.result(f"{at} {line}")
        self._before = now
