"""What a run shows on its way and at its end: the plan, progress, the report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.app import output_files
from reconciler.cli.options import TextFormat
from reconciler.cli.terminal import screen
from reconciler.ports import Listener

if TYPE_CHECKING:
    from reconciler.app.apply import ApplyOptions
    from reconciler.model.plan.plan import Plan
    from reconciler.model.run.outcome import RunReport
    from reconciler.model.run.progress import Progress


@dataclass(frozen=True, slots=True)
class Listeners:
    """Tells each of several."""

    each: tuple[Listener, ...]

    def __call__(self, progress: Progress) -> None:
        """Pass *progress* on."""
        for listener in self.each:
            listener(progress)


@contextmanager
def listener(asked: ApplyOptions) -> Iterator[Listener]:
    """Bars on a terminal, lines elsewhere."""
    from reconciler.cli.terminal.live_display import LineDisplay, LiveDisplay  # noqa: PLC0415 - keeps --help fast
    from reconciler.cli.terminal.log_format import LogFormat  # noqa: PLC0415 - with it

    look = screen.look(sys.stderr)
    if look.terminal and asked.log_format is TextFormat.TEXT:
        from rich.console import Console  # noqa: PLC0415 - only on a terminal

        with LiveDisplay(Console(stderr=True)) as display:
            yield display
        return
    yield LineDisplay(sys.stderr, LogFormat(asked.log_format.value))


def show_plan(plan: Plan, asked: ApplyOptions) -> None:
    """The plan first, for people; a program reads it in the report."""
    if not asked.show_plan or TextFormat.JSON in (asked.output, asked.log_format):
        return
    from reconciler.report.plan_text import plan_text  # noqa: PLC0415 - one of several formats

    look = screen.look(sys.stdout)
    screen.stream(plan_text(plan, width=look.width, color=look.color, verbose=asked.verbose > 0))


def leave_report(report: RunReport, asked: ApplyOptions) -> None:
    """Write *report* to the file that was asked for.

    Raises:
        UsageError: It cannot be written.
    """
    if asked.report is None:
        return
    from reconciler.report.json_documents import run_json  # noqa: PLC0415 - rarely needed

    output_files.leave(asked.report, run_json(report), "--report")


def show_report(report: RunReport, asked: ApplyOptions) -> None:
    """Print *report* on stdout."""
    if asked.output is TextFormat.JSON:
        from reconciler.report.json_documents import run_json  # noqa: PLC0415 - one of two formats

        screen.stream(run_json(report))
        return
    from reconciler.report.run_text import run_text  # noqa: PLC0415 - one of two formats

    look = screen.look(sys.stdout)
    screen.stream(run_text(report, width=look.width, color=look.color, verbose=asked.verbose > 0))
