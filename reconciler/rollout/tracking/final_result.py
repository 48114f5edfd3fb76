"""The result of one object and its cause: ``FinalResult``, which closes a ``TrackedObject``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.run.outcome import Result

if TYPE_CHECKING:
    from reconciler.model.plan.plan import Decision


class Cause(StrEnum):
    """The cause that ended the tracking of an object."""

    JUDGED = "judged"
    """The newest snapshot, the approval, a limit or an earlier failure ended the tracking."""
    REFUSED = "refused"
    """The API server rejected the write of the object; the next run tries the write again."""
    BUG = "bug"
    """A bug of this program ended the tracking of the object; other objects are still tracked."""
    RUN_ENDED = "run-ended"
    """The run ended before the object's change was complete; the next run continues the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalResult:
    """The result with which the tracking of one object ends, and its cause."""

    result: Result
    why: Explanation
    cause: Cause = Cause.JUDGED


def as_decided(result: Result, decision: Decision, cause: Cause = Cause.JUDGED) -> FinalResult:
    """Return a final result with the explanation of *decision*."""
    return FinalResult(result=result, why=decision.why, cause=cause)
