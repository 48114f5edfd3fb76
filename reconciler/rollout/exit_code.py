"""``exit_code``: computes the exit code of a run from the results of all objects.

The function has no side effects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.model.run.outcome import ExitCode, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable

PRECEDENCE = (
    ExitCode.ERROR,
    ExitCode.FAILED,
    ExitCode.INVALID,
    ExitCode.STALE,
    ExitCode.LEASE_HELD,
    ExitCode.DEADLINE,
    ExitCode.BLOCKED,
)
"""The exit codes of a run in order of precedence; errors and failures come first."""

_CODES = {
    Result.FAILED: ExitCode.FAILED,
    Result.STALE: ExitCode.STALE,
    Result.RUNNING: ExitCode.DEADLINE,
    Result.NOT_STARTED: ExitCode.DEADLINE,
    Result.HELD: ExitCode.BLOCKED,
}


def exit_code(
    outcomes: Iterable[Outcome], *, valid: bool, ended_by: ExitCode | None = None
) -> ExitCode:
    """Compute the exit code of a run.

    A VM that a user suspended during the run has no effect on the exit code.

    Args:
        outcomes: The outcome of each object.
        valid: Whether the whole desired state is valid.
        ended_by: The exit code of the event that ended the run early, or None if none did.
    """
    counted = (each for each in outcomes if each.reason != Reason.SUSPENDED)
    found = {_CODES.get(each.result) for each in counted} | {ended_by}
    if not valid:
        found.add(ExitCode.INVALID)
    return next((code for code in PRECEDENCE if code in found), ExitCode.DONE)
