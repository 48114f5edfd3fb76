"""``Presenter``: how the user sees a run while it plans, writes and ends."""

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
        """The log that also gets the trace's lines; None for no log."""
        ...

    def show_plan(self, plan: Plan) -> None:
        """Show the plan, before anything is written."""
        ...

    def confirm(self, plan: Plan) -> bool:
        """Return whether the user wants *plan* applied, which has been shown."""
        ...

    def progress(self) -> AbstractContextManager[Listener]:
        """Show each step of the rollout inside the block."""
        ...

    def show_report(self, report: RunReport) -> None:
        """Show what the run did, once it has ended."""
        ...
