"""The report of a run that may write nothing; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Actuation, Outcome, Result, RunReport
from reconciler.rollout import exit_code
from reconciler.rollout.tracking.convergence import FAILURES

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.plan.plan import Decision, Plan

MESSAGE = "mode is observe: nothing was written"
REASON = "mode-observe"


def observed(plan: Plan, *, run_id: str, at: datetime) -> RunReport:
    """What a run in mode observe has to say of *plan*: what it would have done is held."""
    pending = [each for each in plan.decisions if each.effect is not Effect.NONE]
    outcomes = tuple(_outcome(each, at) for each in pending)
    return RunReport(
        run_id=run_id,
        plan=plan,
        outcomes=outcomes,
        started_at=at,
        ended_at=at,
        exit=exit_code.exit_code(outcomes, lease_lost=False, valid=not plan.errored),
        message=MESSAGE,
        counts=exit_code.counts(outcomes),
    )


def _outcome(decision: Decision, at: datetime) -> Outcome:
    would = bool(decision.actions)
    return Outcome(
        ref=decision.ref,
        effect=decision.effect,
        actuation=Actuation.SKIPPED,
        result=Result.FAILED if decision.reason in FAILURES else Result.HELD,
        reason=REASON if would else decision.reason.value,
        message=f"not written: {decision.message}" if would else decision.message,
        hint="set mode: enforce to have it written" if would else decision.hint,
        digest=decision.actions[0].digest if would else "",
        ended_at=at,
    )
