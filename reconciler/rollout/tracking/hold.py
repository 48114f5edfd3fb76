"""``Hold``: the reason why a permitted change does not start yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.model.explanation import Explanation
from reconciler.model.run.outcome import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The reason why the change to an object does not start now."""

    why: Explanation
    until: datetime | None = None
    """The time at which the pause ends by itself, or None if the time is not known."""
    final: bool = False
    """Whether the pause lasts longer than this run, so that the run does not wait for its end."""
    closed: bool = False
    """Whether no object can change now, because of an alert or a closed maintenance window."""
    result: Result = Result.NOT_STARTED
    """The result of the object if the run ends while the object still waits."""
