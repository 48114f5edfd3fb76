"""The report of a run that ended before it could write anything; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Actuation, Outcome, Result, RunReport
from reconciler.rollout import exit_code
from reconciler.rollout.tracking.convergence import FAILURES

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.run.outcome import ExitCode


def unwritten(
    plan: Plan,
    *,
    run_id: str,
    started_at: datetime,
    ended_at: datetime,
    why: ExitCode,
    message: str,
) -> RunReport:
    """What a run has to say of *plan* that ended with *why*, such as another's lease."""
    pending = [each for each in plan.decisions if each.effect is not Effect.NONE]
    reason = why.name.lower().replace("_", "-")
    outcomes = tuple(_outcome(each, reason, message, ended_at) for each in pending)
    return RunReport(
        run_id=run_id,
        plan=plan,
        outcomes=outcomes,
        started_at=started_at,
        ended_at=ended_at,
        exit=why,
        message=message,
        counts=exit_code.counts(outcomes),
    )


def _outcome(decision: Decision, reason: str, message: str, at: datetime) -> Outcome:
    would = bool(decision.actions)
    left = Result.NOT_STARTED if would else Result.HELD
    return Outcome(
        ref=decision.ref,
        effect=decision.effect,
        actuation=Actuation.SKIPPED,
        result=Result.FAILED if decision.reason in FAILURES else left,
        reason=reason if would else decision.reason.value,
        message=f"not written: {message}" if would else decision.message,
        hint="" if would else decision.hint,
        action_id=decision.actions[0].id if would else "",
        digest=decision.actions[0].digest if would else "",
        ended_at=at,
    )
