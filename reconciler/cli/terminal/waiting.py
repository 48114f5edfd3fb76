"""``Waiting``: reports what a run is waiting for, and when the wait started and should end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.escaping import printable
from reconciler.model.phrases import listed_refs, plural
from reconciler.model.plan.plan import Effect

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.plan.plan import Plan
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.progress import Progress

_MAX_NAMES = 3
"""The maximum number of object names in the message about what a run is waiting for."""


class Waiting:
    """Counts the objects that a run has finished, and those that the run is waiting for."""

    def __init__(self, plan: Plan, ends_at: datetime | None = None) -> None:
        """Count the objects that a plan changes.

        The run stops at *ends_at*, if that time is set.
        """
        self._left: set[ObjectRef] = {
            each.ref for each in plan.decisions if each.actions or each.effect is Effect.WAIT
        }
        self._total = len(self._left)
        self._noun = "VM" if all(each.is_vm for each in self._left) else "object"
        self._latest_s = plan.forecast.latest_s
        self._ends_at = ends_at
        self._started: datetime | None = None
        self._since: datetime | None = None

    def __call__(self, progress: Progress, *, news: bool) -> None:
        """Record one step of the run; *news* is whether the step changes an object's state."""
        self._started = self._started or progress.at
        if news or self._since is None:
            self._since = progress.at
        if progress.outcome is not None:
            self._left.discard(progress.outcome.ref)

    def sentence(self) -> str:
        """Return a sentence about what the run is waiting for, or '' if it waits for nothing."""
        if self._started is None or self._since is None or not self._left:
            return ""
        done = self._total - len(self._left)
        names = listed_refs(sorted(self._left), _MAX_NAMES)
        parts = [
            f"{done} of {plural(self._total, self._noun)} done",
            f"waiting for {names} since {self._since:%H:%M:%S}",
        ]
        if self._latest_s:
            expected = self._started + timedelta(seconds=self._latest_s)
            parts.append(f"expected to end by {expected:%H:%M:%S}")
        if self._ends_at is not None:
            parts.append(f"deadline {self._ends_at:%H:%M:%S} UTC")
        return printable(", ".join(parts))
