"""``unwritten`` and ``observed``: build the reports of runs that write nothing to the cluster.

The functions have no side effects.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Result, RunReport
from reconciler.rollout.exit_code import PRECEDENCE, exit_code
from reconciler.rollout.tracking.build_outcome import untracked_outcome
from reconciler.rollout.tracking.judge_convergence import FAILURES
from reconciler.rollout.tracking.tracked_object import FinalResult

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.run.outcome import ExitCode, Outcome

_OBSERVED = Explanation(
    reason="mode-observe",
    message="the reconciler wrote nothing, because `mode` is `observe`",
    hint="to apply the changes, set `mode: enforce` in .reconciler.yaml",
)


def unwritten(
    plan: Plan,
    *,
    run_id: str,
    started_at: datetime,
    ended_at: datetime,
    why: ExitCode,
    message: str,
) -> RunReport:
    """Build the report of a run that ended before its first write, for example without a lease.

    The exit code is *why*, unless another exit code has precedence. The exit code of an
    interrupted run is never replaced.
    """
    explained = Explanation(
        reason=why.name.lower().replace("_", "-"), message=f"not written: {message}"
    )
    outcomes = tuple(
        _outcome(each, explained, Result.NOT_STARTED, ended_at) for each in _open(plan)
    )
    found = exit_code(outcomes, valid=not plan.errored, ended_by=why)
    return RunReport(
        run_id=run_id,
        plan=plan,
        outcomes=outcomes,
        started_at=started_at,
        ended_at=ended_at,
        exit=found if why in PRECEDENCE else why,
        message=message,
    )


def observed(plan: Plan, *, run_id: str, at: datetime) -> RunReport:
    """Build the report of a run in observe mode, which writes nothing to the cluster."""
    outcomes = []
    for each in _open(plan):
        why = replace(_OBSERVED, message=f"not written: {each.why.message}")
        outcomes.append(replace(_outcome(each, why, Result.HELD, at), action_id=""))
    return RunReport(
        run_id=run_id,
        plan=plan,
        outcomes=tuple(outcomes),
        started_at=at,
        ended_at=at,
        exit=exit_code(outcomes, valid=not plan.errored),
        message=_OBSERVED.message,
    )


def _open(plan: Plan) -> Iterator[Decision]:
    return (each for each in plan.decisions if each.effect is not Effect.NONE)


def _outcome(decision: Decision, why: Explanation, result: Result, at: datetime) -> Outcome:
    """Build the result of an object that was planned but not written."""
    action = decision.actions[0] if decision.actions else None
    if action is None:
        why, result = decision.why, Result.HELD
    if decision.reason in FAILURES:
        result = Result.FAILED
    return untracked_outcome(decision, FinalResult(result=result, why=why), at, action=action)
