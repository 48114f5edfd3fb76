"""Tests how the results of all objects determine the exit code of a run."""

from __future__ import annotations

import pytest
from support.builders import VM

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Actuation, ExitCode, Outcome, Result
from reconciler.rollout.exit_code import exit_code


def outcome(result: Result, reason: str = "live") -> Outcome:
    return Outcome(
        ref=VM,
        effect=Effect.LIVE,
        actuation=Actuation.SUCCEEDED,
        result=result,
        why=Explanation(reason=reason, message="so it is"),
    )


@pytest.mark.parametrize(
    ("results", "ended_by", "valid", "expected"),
    [
        ((), None, True, ExitCode.DONE),
        ((Result.DONE,), None, True, ExitCode.DONE),
        ((Result.DONE, Result.WRITTEN), None, True, ExitCode.DONE),
        ((Result.HELD, Result.WRITTEN), None, True, ExitCode.BLOCKED),
        ((Result.NOT_STARTED, Result.WRITTEN), None, True, ExitCode.DEADLINE),
        ((Result.HELD, Result.DONE), None, True, ExitCode.BLOCKED),
        ((Result.HELD, Result.RUNNING), None, True, ExitCode.DEADLINE),
        ((Result.HELD, Result.NOT_STARTED), None, True, ExitCode.DEADLINE),
        ((Result.RUNNING, Result.FAILED), None, True, ExitCode.FAILED),
        ((Result.DONE,), ExitCode.LEASE_HELD, True, ExitCode.LEASE_HELD),
        ((Result.NOT_STARTED,), ExitCode.LEASE_HELD, True, ExitCode.LEASE_HELD),
        ((Result.FAILED,), ExitCode.LEASE_HELD, True, ExitCode.FAILED),
        ((Result.STALE, Result.RUNNING), ExitCode.LEASE_HELD, True, ExitCode.STALE),
        ((Result.STALE, Result.FAILED), None, True, ExitCode.FAILED),
        ((Result.STALE, Result.HELD), None, False, ExitCode.INVALID),
        ((Result.FAILED,), None, False, ExitCode.FAILED),
        ((Result.FAILED,), ExitCode.ERROR, False, ExitCode.ERROR),
        ((Result.HELD,), None, False, ExitCode.INVALID),
    ],
)
def test_exit_code_of_a_run_is_the_applicable_code_with_the_highest_precedence(
    results, ended_by, valid, expected
):
    found = exit_code(map(outcome, results), valid=valid, ended_by=ended_by)
    assert found is expected


def test_vm_that_is_suspended_during_the_run_does_not_affect_the_exit_code():
    suspended = outcome(Result.HELD, "suspended")
    assert exit_code([suspended, outcome(Result.DONE)], valid=True) is ExitCode.DONE
