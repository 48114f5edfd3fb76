"""``refused``: compares the next write of a run with the write that the user approved.

The functions have no side effects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.run.outcome import Result
from reconciler.plan.approval_summary import change_of
from reconciler.rollout.tracking.tracked_object import FinalResult

if TYPE_CHECKING:
    from reconciler.model.plan.approval import Approval, ApprovedAction
    from reconciler.model.plan.plan import Action, Decision

NOT_APPROVED = "not-approved"
STALE = "stale"
HINT = "create a new plan and get it approved"


def refused(
    approval: Approval | None, decision: Decision, action: Action | None
) -> FinalResult | None:
    """Return the final result of an object whose next write is not approved, otherwise None.

    Args:
        approval: The approval; None approves every write.
        decision: The newest decision about the object.
        action: The next write; None if *decision* has no write left although the object still
        differs from the desired state.
    """
    if action is not None and not covers(approval, decision):
        message = f"the change is not approved, so it is not written: {decision.why.message}"
        why = Explanation(reason=NOT_APPROVED, message=message, hint=HINT)
        return FinalResult(result=Result.HELD, why=why)
    difference = _difference(approval, decision, action)
    if not difference:
        return None
    why = Explanation(reason=STALE, message=difference, hint=HINT)
    return FinalResult(result=Result.STALE, why=why)


def covers(approval: Approval | None, decision: Decision) -> bool:
    """Return whether the approval contains a given object, or True if no approval is required."""
    return approval is None or decision.ref in approval.actions


def _difference(approval: Approval | None, decision: Decision, action: Action | None) -> str:
    """Describe how a decision differs from the approved write, or return '' if they are equal."""
    approved = approval.actions.get(decision.ref, ()) if approval else ()
    if approval is None or not approved:
        return ""
    shown = approved[0]
    if action is not None:
        same = approval.of(decision.ref, action.wave)
        if same is not None and same.digest == action.digest:
            return ""
        shown = same or shown
    now = (
        _now(decision, action, shown)
        if action
        else f"{decision.effect} ({decision.reason}): {decision.why.message}"
    )
    return f"approved: {_described(shown.effect, shown.reason, shown.change)}; now: {now}"


def _now(decision: Decision, action: Action, approved: ApprovedAction) -> str:
    change = change_of(decision, action)
    if (approved.effect, approved.reason, approved.change) == (
        action.effect,
        action.reason,
        change,
    ):
        return (
            "the same change, but the object was recreated, or its old value is written "
            "differently"
        )
    return f"{_described(action.effect, action.reason, change)}: {decision.why.message}"


def _described(effect: str, reason: str, change: str) -> str:
    return f"{effect} ({reason})" + (f" {change}" if change else "")
