"""The result of one object and its cause: ``End``, which closes a ``TrackedObject``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.run.outcome import Result

if TYPE_CHECKING:
    from reconciler.model.plan.plan import Decision


class Cause(StrEnum):
    """What ended an object."""

    JUDGED = "judged"
    """The newest snapshot, the approval, a limit or an earlier failure decided it."""
    REFUSED = "refused"
    """The server did not take its write; the next pass tries it again."""
    RUN_ENDED = "run-ended"
    """The run ended first, such as at its deadline; the next pass goes on with the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How one object ends in a run."""

    result: Result
    why: Explanation
    cause: Cause = Cause.JUDGED


def as_decided(result: Result, decision: Decision, cause: Cause = Cause.JUDGED) -> End:
    """Return the end that *decision* explains."""
    return End(result=result, why=decision.why, cause=cause)
