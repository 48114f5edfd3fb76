"""``RunOutput``: shows the plan, the progress and the report of a run on the terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, TextIO

from reconciler.cli.option_values import TextFormat
from reconciler.cli.options import LogOptions, Output
from reconciler.cli.terminal import screen
from reconciler.model.phrases import plural

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.plan.comparison import Comparison
    from reconciler.model.plan.plan import Plan
    from reconciler.model.run.outcome import RunReport
    from reconciler.ports import Listener

log = logging.getLogger(__name__)


def plan_lines(
    plan: Plan, stream: TextIO | None, log: LogOptions, comparison: Comparison | None = None
) -> Iterator[str]:
    """Render a plan as lines of text, for a stream or for a file."""
    from reconciler.report.plan_text import plan_text

    style = screen.FILE if stream is None else screen.style_of(stream)
    return plan_text(
        plan,
        comparison=comparison,
        width=style.width,
        color=style.color,
        verbose=log.verbose > 0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutput:
    """Shows a run (the interface ``RunPrinter``): results on stdout, progress on stderr."""

    output: Output = None
    log: LogOptions = field(default_factory=LogOptions)
    plan: bool = True
    """Whether to show the plan before the run."""

    @property
    def trace_log(self) -> IO[str] | None:
        """Return ``sys.stderr`` if the log format is JSON, or None otherwise."""
        return sys.stderr if self.log.log_format is TextFormat.JSON else None

    def show_plan(self, plan: Plan) -> None:
        """Print the plan as text, unless the output is JSON; the JSON report contains the plan."""
        if self.plan and not self._json:
            screen.stream(plan_lines(plan, sys.stdout, self.log))

    def confirm(self, plan: Plan) -> bool:
        """Ask whether to apply the plan; with JSON output, print the plan as text first."""
        if self._json:
            sys.stderr.writelines(plan_lines(plan, sys.stderr, self.log))
        count = plural(sum(len(each.actions) for each in plan.waves), "change")
        return screen.ask(f"\nApply {count}?")

    @property
    def _json(self) -> bool:
        return (self.output or self.log.log_format) is TextFormat.JSON

    @contextmanager
    def progress(self, plan: Plan, ends_at: datetime | None) -> Iterator[Listener]:
        """Show the progress of a run: as progress bars on a terminal, as lines elsewhere."""
        from reconciler.cli.terminal.live_display import LineDisplay, LiveDisplay
        from reconciler.cli.terminal.waiting import Waiting

        style = screen.style_of(sys.stderr)
        if style.terminal and self.log.log_format is TextFormat.TEXT:
            from rich.console import Console

            with LiveDisplay(Console(stderr=True), Waiting(plan, ends_at)) as display:
                yield display
            return
        yield LineDisplay(sys.stderr, Waiting(plan, ends_at), self.log.log_format)

    def save_report(self, report: RunReport, *, shown: bool) -> None:
        """Print the report as one line of JSON on stderr, unless stdout shows the JSON report."""
        if shown and self._json:
            return
        from reconciler.report.json_documents import run_json
        from reconciler.report.json_text import one_line

        log.warning(
            "the report could not be written completely, so the next line is the report as JSON"
        )
        sys.stderr.write(one_line(run_json(report)))
        sys.stderr.flush()

    def show_report(self, report: RunReport) -> None:
        """Print the report of the run on stdout."""
        if self._json:
            from reconciler.report.json_documents import run_json

            screen.document(run_json(report), self.log.log_format)
            return
        from reconciler.report.run_text import run_text

        style, verbose = screen.style_of(sys.stdout), self.log.verbose > 0
        screen.stream(run_text(report, width=style.width, color=style.color, verbose=verbose))
