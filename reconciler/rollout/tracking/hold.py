"""The reason why a permitted change does not start yet: ``Hold``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.model.explanation import Explanation
from reconciler.model.run.outcome import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The reason why a change does not start now."""

    why: Explanation
    until: datetime | None = None
    """The time at which the hold ends by itself; None if the time is not known."""
    final: bool = False
    """Whether the hold lasts longer than this run, so that the run need not wait for it."""
    closed: bool = False
    """Whether nothing may change now: no window is open, or an alert is firing."""
    result: Result = Result.NOT_STARTED
    """The result of the object if the run ends while the object is held."""
