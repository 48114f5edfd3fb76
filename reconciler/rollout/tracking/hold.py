"""The reason why an allowed change is not started yet: ``Hold``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.model.explanation import Explanation
from reconciler.model.run.outcome import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why the change of an object does not start now."""

    why: Explanation
    until: datetime | None = None
    """When the hold ends by itself, where that is known."""
    final: bool = False
    """Whether it outlasts this run, so that waiting does not help."""
    closed: bool = False
    """Whether no window is open, so that no change may start."""
    result: Result = Result.NOT_STARTED
    """The result of the object if the run ends while it is held."""
