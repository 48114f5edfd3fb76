"""``RunPrinter``: the interface that shows the plan, the progress and the report of a run."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime

    from reconciler.model.plan.plan import Plan
    from reconciler.model.run.outcome import RunReport
    from reconciler.ports import Listener


class RunPrinter(Protocol):
    """Shows the plan, the progress and the report of one run to the user."""

    @property
    def trace_log(self) -> IO[str] | None:
        """The log stream that receives the trace in addition to the trace file, or None."""
        ...

    def show_plan(self, plan: Plan) -> None:
        """Show the plan before the run writes anything."""
        ...

    def confirm(self, plan: Plan) -> bool:
        """Ask the user whether to apply the plan that was shown, and return the reply."""
        ...

    def progress(self, plan: Plan, ends_at: datetime | None) -> AbstractContextManager[Listener]:
        """Return a context manager that shows each step of the rollout within its block.

        *ends_at* is the deadline of the run, or None without a deadline.
        """
        ...

    def save_report(self, report: RunReport, *, shown: bool) -> None:
        """Print the complete report on stderr, because another output failed.

        *shown* is whether ``show_report`` succeeded.
        """
        ...

    def show_report(self, report: RunReport) -> None:
        """Show the results of the run, after the run has ended."""
        ...
