"""``Presenter``: shows a run to its user while it plans, writes and ends."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from reconciler.model.plan.plan import Plan
    from reconciler.model.run.outcome import RunReport
    from reconciler.ports import Listener


class Presenter(Protocol):
    """Shows one run to its user; ``apply`` calls the methods in this order."""

    @property
    def trace_log(self) -> IO[str] | None:
        """The log that also gets the lines of the trace; None for no log."""
        ...

    def show_plan(self, plan: Plan) -> None:
        """Show the plan, before the run writes anything."""
        ...

    def confirm(self, plan: Plan) -> bool:
        """Ask the user whether to apply *plan*, which was shown before, and return the answer."""
        ...

    def progress(self) -> AbstractContextManager[Listener]:
        """Return a context manager that shows each step of the rollout inside its block."""
        ...

    def show_report(self, report: RunReport) -> None:
        """Show what the run did, after the run has ended."""
        ...
