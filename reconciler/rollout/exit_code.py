"""The exit code of a run: the first that applies; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.model.run.outcome import ExitCode, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ORDER: tuple[tuple[Result, ExitCode], ...] = (
    (Result.STALE, ExitCode.STALE),
    (Result.FAILED, ExitCode.FAILED),
    (Result.RUNNING, ExitCode.DEADLINE),
    (Result.NOT_STARTED, ExitCode.DEADLINE),
    (Result.HELD, ExitCode.BLOCKED),
)


def exit_code(outcomes: Iterable[Outcome], *, lease_lost: bool, valid: bool) -> ExitCode:
    """Sum *outcomes* up; an invalid desired state and a lost lease come before what it held."""
    found = {each.result for each in outcomes}
    if not valid:
        return ExitCode.INVALID
    if Result.STALE in found:
        return ExitCode.STALE
    if lease_lost:
        return ExitCode.LEASE_HELD
    return next((code for result, code in ORDER if result in found), ExitCode.DONE)


def counts(outcomes: Iterable[Outcome]) -> Mapping[Result, int]:
    """How many objects ended how, without zeros."""
    counted = Counter(each.result for each in outcomes)
    return {result: counted[result] for result in Result if counted[result]}
