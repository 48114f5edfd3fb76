"""``Waiting``: says what a run waits for, since when, and when it should end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect
from reconciler.report.wording import plural

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.plan.plan import Plan
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.progress import Progress


class Waiting:
    """Counts the VMs of one run that have ended."""

    def __init__(self, plan: Plan, ends_at: datetime | None = None) -> None:
        """Count the VMs of *plan*; the run stops at *ends_at*, if there is a deadline."""
        self._left: set[ObjectRef] = {
            each.ref
            for each in plan.decisions
            if each.ref.is_vm and (each.actions or each.effect is Effect.WAIT)
        }
        self._total = len(self._left)
        self._latest_s = plan.forecast.latest_s
        self._ends_at = ends_at
        self._started: datetime | None = None
        self._since: datetime | None = None

    def __call__(self, progress: Progress, *, news: bool) -> None:
        """Take one step of the run; *news* says whether it is a change of state."""
        self._started = self._started or progress.at
        if news or self._since is None:
            self._since = progress.at
        if progress.outcome is not None:
            self._left.discard(progress.outcome.ref)

    def sentence(self) -> str:
        """Return what the run waits for now; empty if it waits for nothing."""
        if self._started is None or self._since is None or not self._left:
            return ""
        done = self._total - len(self._left)
        parts = [
            f"{done} of {plural(self._total, 'VM')} done",
            f"waiting for {len(self._left)} since {self._since:%H:%M:%S}",
        ]
        if self._latest_s:
            expected = self._started + timedelta(seconds=self._latest_s)
            parts.append(f"expected to end by {expected:%H:%M:%S}")
        if self._ends_at is not None:
            parts.append(f"deadline {self._ends_at:%H:%M:%S} UTC")
        return ", ".join(parts)
