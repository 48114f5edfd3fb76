"""The reason why an allowed change does not start yet: ``Hold``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.model.explanation import Explanation
from reconciler.model.run.outcome import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The reason why the change of an object does not start now."""

    why: Explanation
    until: datetime | None = None
    """When the hold ends by itself; None if that is not known."""
    final: bool = False
    """Whether the hold lasts longer than this run, so that waiting does not help."""
    closed: bool = False
    """Whether no window is open, so that no change may start."""
    result: Result = Result.NOT_STARTED
    """The result of the object if the run ends during the hold."""
