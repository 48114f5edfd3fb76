"""``Runner``: carries out one run of ``serve``, and shows the steps of the run."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Protocol

from reconciler.app.apply_options import ApplyOptions
from reconciler.app.execution.execute_plan import Execution, execute
from reconciler.app.execution.refreshing_informer import RefreshingInformer
from reconciler.app.run_printer import RunPrinter
from reconciler.app.stop import Stop
from reconciler.app.wiring import clock_wiring
from reconciler.cluster.api.client import Client
from reconciler.errors import BackgroundError, ReconcilerError
from reconciler.model.run.outcome import RunReport
from reconciler.model.service.view import ActiveRun
from reconciler.ports import Alerts, Clock, Informer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from reconciler.app.read_and_plan import PlanWithInputs
    from reconciler.model.plan.plan import Plan
    from reconciler.model.run.progress import Progress
    from reconciler.ports import Listener


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """The report of a run that has ended, and the error if it could not write to the cluster."""

    report: RunReport
    error: ReconcilerError | None = None
    """The reason why the run could not write to the cluster, or None if it could."""


class RunsPlans(Protocol):
    """The interface that carries out one run; implemented by ``Runner``."""

    def run(
        self,
        planned: PlanWithInputs,
        *,
        superseded: Callable[[], str],
        refresh: Callable[[], None],
        show: Callable[[ActiveRun], None],
    ) -> EndedRun:
        """Apply a plan, and return the report.

        Args:
            planned: The plan with its inputs.
            superseded: Returns why the run must end, or an empty string if the run can continue.
            refresh: Called often, so that the process can plan and show its state.
            show: Called with the state of the run after each step.

        Raises:
            Terminated: SIGTERM arrived before the run could write to the cluster.
            KeyboardInterrupt: Ctrl-C was pressed before the run could write to the
                cluster, or was pressed twice.
        """
        ...


@dataclass(slots=True, kw_only=True)
class Runner:
    """Carries out runs with an open client and informer; implements ``RunsPlans``."""

    options: ApplyOptions
    client: Client
    informer: Informer
    clock: Clock
    printer: RunPrinter
    stop: Stop
    instance: str
    alerts: Alerts
    _number: int = 0

    def run(
        self,
        planned: PlanWithInputs,
        *,
        superseded: Callable[[], str],
        refresh: Callable[[], None],
        show: Callable[[ActiveRun], None],
    ) -> EndedRun:
        """Apply a plan, and return the report; see ``RunsPlans``."""
        self._number += 1
        started, unwritten = self.clock.now(), list[RunReport]()
        active = ActiveRun(
            # Two runs of one process must not share a name, because a lease that an earlier run
            # left to expire would then seem to belong to the later one.
            run_id=f"{self.instance}-{self._number}",
            plan=planned.plan,
            started_at=started,
        )
        until = None
        if self.options.deadline_s is not None:
            until = self.clock.monotonic() + self.options.deadline_s

        def meanwhile() -> None:
            # The informer raises the error of its thread again when the run waits for a change,
            # where no response to a write can be lost.
            with suppress(BackgroundError):
                refresh()

        execution = Execution(
            options=self.options,
            clock=self.clock,
            printer=_ShowingPrinter(self.printer, active, show),
            stop=self.stop,
            client=self.client,
            informer=RefreshingInformer(self.informer, refresh),
            planned=planned,
            run_id=active.run_id,
            started_at=started,
            until=until,
            unwritten=unwritten.append,
            superseded=superseded,
            alerts=self.alerts,
            meanwhile=meanwhile,
        )
        try:
            with self._sleeping(meanwhile):
                return EndedRun(report=execute(execution, None))
        except ReconcilerError as error:
            if not unwritten:
                raise
            return EndedRun(report=unwritten[-1], error=error)

    def _sleeping(self, meanwhile: Callable[[], None]) -> AbstractContextManager[None]:
        """Within the block, call *meanwhile* while the run pauses before it repeats a request."""
        clock = clock_wiring.server_clock(self.clock)
        return nullcontext() if clock is None else clock.meanwhile(meanwhile)


class _ShowingPrinter:
    """Wraps a ``RunPrinter``, and also shows each step in the state of the active run."""

    def __init__(
        self, inner: RunPrinter, active: ActiveRun, show: Callable[[ActiveRun], None]
    ) -> None:
        self._inner, self._active, self._show = inner, active, show

    @property
    def trace_log(self) -> IO[str] | None:
        """The log stream that receives the trace in addition to the trace file, if any."""
        return self._inner.trace_log

    def show_plan(self, plan: Plan) -> None:
        """Show the plan with the wrapped ``RunPrinter``."""
        self._inner.show_plan(plan)

    def confirm(self, plan: Plan) -> bool:
        """Ask for confirmation of the plan with the wrapped ``RunPrinter``."""
        return self._inner.confirm(plan)

    @contextmanager
    def progress(self, plan: Plan, ends_at: datetime | None) -> Iterator[Listener]:
        """Show each step with the wrapped ``RunPrinter`` and in the state of the run."""
        self._show(self._active)
        with self._inner.progress(plan, ends_at) as listener:

            def both(progress: Progress) -> None:
                listener(progress)
                self._step(progress)

            yield both

    def save_report(self, report: RunReport, *, shown: bool) -> None:
        """Print the report with the wrapped ``RunPrinter``, because another output failed."""
        self._inner.save_report(report, shown=shown)

    def show_report(self, report: RunReport) -> None:
        """Show the report with the wrapped ``RunPrinter``."""
        self._inner.show_report(report)

    def _step(self, progress: Progress) -> None:
        if progress.ref is None:
            if not progress.message:
                return  # nothing has changed
            self._active = replace(self._active, message=progress.message)
        else:
            steps = {**self._active.progress, progress.ref: progress}
            self._active = replace(self._active, progress=steps)
        self._show(self._active)
