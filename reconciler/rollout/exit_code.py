"""Computes the exit code of a run from its outcomes: ``exit_code``; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.run.outcome import ExitCode, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable

ORDER: tuple[tuple[Result, ExitCode], ...] = (
    (Result.STALE, ExitCode.STALE),
    (Result.FAILED, ExitCode.FAILED),
    (Result.RUNNING, ExitCode.DEADLINE),
    (Result.NOT_STARTED, ExitCode.DEADLINE),
    (Result.HELD, ExitCode.BLOCKED),
)


def exit_code(outcomes: Iterable[Outcome], *, lease_lost: bool, valid: bool) -> ExitCode:
    """Return the exit code: the first that applies, in the order of the documentation."""
    found = {each.result for each in outcomes}
    if not valid:
        return ExitCode.INVALID
    if Result.STALE in found:
        return ExitCode.STALE
    if lease_lost:
        return ExitCode.LEASE_HELD
    return next((code for result, code in ORDER if result in found), ExitCode.DONE)
