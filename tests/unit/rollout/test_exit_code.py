"""Which exit code a run has: the first that applies."""

from __future__ import annotations

import pytest
from support.builders import VM

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Actuation, ExitCode, Outcome, Result
from reconciler.rollout.exit_code import exit_code


def outcome(result: Result) -> Outcome:
    return Outcome(
        ref=VM,
        effect=Effect.LIVE,
        actuation=Actuation.SUCCEEDED,
        result=result,
        why=Explanation(reason="live", message="so it is"),
    )


@pytest.mark.parametrize(
    ("results", "lease_lost", "valid", "expected"),
    [
        ((), False, True, ExitCode.DONE),
        ((Result.DONE,), False, True, ExitCode.DONE),
        ((Result.HELD, Result.DONE), False, True, ExitCode.BLOCKED),
        ((Result.HELD, Result.RUNNING), False, True, ExitCode.DEADLINE),
        ((Result.HELD, Result.NOT_STARTED), False, True, ExitCode.DEADLINE),
        ((Result.RUNNING, Result.FAILED), False, True, ExitCode.FAILED),
        ((Result.DONE,), True, True, ExitCode.LEASE_HELD),
        ((Result.STALE, Result.RUNNING), True, True, ExitCode.STALE),
        ((Result.HELD,), False, False, ExitCode.INVALID),
    ],
)
def test_first_exit_code_that_applies_is_used(results, lease_lost, valid, expected):
    found = exit_code(map(outcome, results), lease_lost=lease_lost, valid=valid)
    assert found is expected
