"""``MetricsFile``: writes the metrics of one run to the file of ``--metrics-file``."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.app import output_files
from reconciler.app.counters import Counters
from reconciler.app.error_codes import error_code
from reconciler.app.input_options import DEFAULT_REVISION
from reconciler.app.read_and_plan import plan_against_cluster
from reconciler.app.wiring.source_wiring import shown_address
from reconciler.errors import ReconcilerError
from reconciler.model.service.counts import Counted
from reconciler.model.service.view import ServiceView, SourceView
from reconciler.report.metrics import restart_wait_lines
from reconciler.report.metrics.exposition import metrics_text
from reconciler.report.metrics.metric_table import LAST_PASS, LAST_SUCCESS, OF_A_RUN
from reconciler.report.metrics.run_counts import result_label

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.app.apply_options import ApplyOptions
    from reconciler.app.read_and_plan import PlanWithInputs
    from reconciler.app.stop import Terminated
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.outcome import RunReport
    from reconciler.ports import Clock, LiveReader
    from reconciler.report.metrics.metric_table import Metric

log = logging.getLogger(__name__)

FLAG = "--metrics-file"
READABLE = 0o644
"""The mode of the metrics file; usually, a process of another user reads the file."""
_MOST_BYTES = 1 << 20
_TIMES = {
    each.full_name: re.compile(
        rb"^%s ([0-9]{1,12}(?:\.[0-9]{1,17})?(?:e[+]0?[0-9])?)$" % each.full_name.encode(),
        re.MULTILINE,
    )
    for each in (LAST_PASS, LAST_SUCCESS)
}
"""Patterns that match timestamps such as ``1.764e+09`` in a metrics file of an earlier run."""


class MetricsFile:
    """Collects the metrics of one run and writes them to a file once, when the run ends.

    The file of an earlier run is replaced. If this run fails, the times of the last completed run
    and of the last successful run are kept, so that an alert can compare them with the current
    time.

    Raises:
        UsageError: The file cannot be written; the user learns this before the run starts.
    """

    def __init__(self, path: Path, options: ApplyOptions, clock: Clock) -> None:
        self._path, self._options, self._clock = path, options, clock
        self.counters = Counters()
        self._planned: PlanWithInputs | None = None
        self._started_at = self._planned_at = clock.now()
        output_files.reserve(path, FLAG, keep=True)
        left = _read(path)
        self._last_pass_at = time_in_file(left, LAST_PASS)
        self._last_success_at = time_in_file(left, LAST_SUCCESS)
        self._waits = restart_wait_lines.decoded(left)
        """The time since which each VM has waited for a restart, by digest of the VM."""
        self._restart_since: Mapping[ObjectRef, datetime] = {}

    def plan(self, planned: PlanWithInputs) -> None:
        """Store the plan, whose metrics are written even if the run ends with an error."""
        self._planned, self._planned_at = planned, self._clock.now()
        since = restart_wait_lines.restart_since(planned.plan, self._waits, self._planned_at)
        self._restart_since = since
        self._waits = restart_wait_lines.waits_by_digest(planned.plan, since)

    def plan_again(self, live: LiveReader) -> None:
        """Compute a new plan from the state of the cluster at the end of the run, for the metrics.

        If the cluster does not respond, the metrics show the plan that the run applied.
        """
        planned = self._planned
        if planned is None:
            return
        try:
            state, plan = plan_against_cluster(planned.desired, live, planned.policy, self._clock)
        except ReconcilerError as error:
            log.warning(
                "%s contains the metrics of the plan from the start of the run, because "
                "the cluster could not be read again: %s",
                FLAG,
                error,
            )
            return
        self.plan(replace(planned, live=state, plan=plan))

    def finish(self, report: RunReport) -> str:
        """Write the metrics of a run that has ended; return why that failed, or ''."""
        self.counters.count_run(report)
        if report.exit.completed:
            self._last_pass_at = report.ended_at
        if report.exit.succeeded:
            self._last_success_at = report.ended_at
        return self._write()

    def fail(self, error: ReconcilerError | Terminated | KeyboardInterrupt) -> None:
        """Write the metrics of a run that has ended with an error."""
        self.counters.add(Counted.RUNS, result_label(error_code(error)[0]))
        self._write()

    def _write(self) -> str:
        text = metrics_text(self._view(), self.counters.read(), only=OF_A_RUN)
        pieces = (text.content.decode(), *restart_wait_lines.encoded(self._waits))
        try:
            output_files.write(self._path, pieces, FLAG, mode=READABLE)
        except ReconcilerError as error:
            log.error("%s", error)  # noqa: TRY400 - no stack for users
            return str(error)
        return ""

    def _view(self) -> ServiceView:
        options, planned = self._options.source, self._planned
        source = SourceView(
            address=shown_address(options.repo or ""),
            revision=options.revision or DEFAULT_REVISION,
        )
        view = ServiceView(
            instance="",
            version=__version__,
            started_at=self._started_at,
            at=self._clock.now(),
            source=source,
            last_pass_at=self._last_pass_at,
            last_success_at=self._last_success_at,
            history_since=self._started_at,
        )
        if planned is None:
            return view
        in_force = planned.desired.in_force
        if in_force is not None:
            source = replace(source, in_force=in_force, fetched_at=self._planned_at)
        return replace(
            view,
            restart_since=self._restart_since,
            mode=planned.config.mode,
            config=planned.config,
            live=planned.live,
            plan=planned.plan,
            planned_at=self._planned_at,
            hold=planned.plan.hold,
            source=source,
        )


def time_in_file(content: bytes, metric: Metric) -> datetime | None:
    """Parse the value of ``LAST_PASS`` or ``LAST_SUCCESS`` from a metrics file, if present."""
    found = _TIMES[metric.full_name].search(content)
    if found is None:
        return None
    try:
        return datetime.fromtimestamp(float(found[1]), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _read(path: Path) -> bytes:
    """Read the start of an earlier run's metrics file, or return ``b""`` without a file."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES) if path.is_file() else b""
    except OSError:
        return b""
