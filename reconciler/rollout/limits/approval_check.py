"""Compares the next write with the one that was approved: ``refused``; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.run.outcome import Result
from reconciler.plan.approval_summary import change_of
from reconciler.rollout.tracking.end import End

if TYPE_CHECKING:
    from reconciler.model.plan.approval import Approval, ApprovedAction
    from reconciler.model.plan.plan import Action, Decision

NOT_APPROVED = "not-approved"
STALE = "stale"
HINT = "plan again, and have the new plan approved"


def refused(approval: Approval | None, decision: Decision, action: Action | None) -> End | None:
    """Return how the approval ends the object; None where it allows what comes next.

    Args:
        approval: None approves every write.
        decision: The newest decision on the object.
        action: The write to be made next; None where *decision* has none left, and the object
            is still not as desired.
    """
    if action is not None and not covers(approval, decision):
        message = f"not approved, so not written: {decision.why.message}"
        why = Explanation(reason=NOT_APPROVED, message=message, hint=HINT)
        return End(result=Result.HELD, why=why)
    difference = _difference(approval, decision, action)
    if not difference:
        return None
    why = Explanation(reason=STALE, message=difference, hint=HINT)
    return End(result=Result.STALE, why=why)


def covers(approval: Approval | None, decision: Decision) -> bool:
    """Return whether the approval names the object; no approval covers every object."""
    return approval is None or decision.ref in approval.actions


def _difference(approval: Approval | None, decision: Decision, action: Action | None) -> str:
    """Say how *decision* differs from what was approved; empty where it does not."""
    approved = approval.actions.get(decision.ref, ()) if approval else ()
    if approval is None or not approved:
        return ""
    shown = approved[0]
    if action is not None:
        same = approval.of(decision.ref, action.wave)
        if same is not None and same.digest == action.digest:
            return ""
        shown = same or shown
    now = _now(decision, action, shown) if action else f"{_head(decision)}: {decision.why.message}"
    return f"approved: {_described(shown.effect, shown.reason, shown.change)}; now: {now}"


def _now(decision: Decision, action: Action, approved: ApprovedAction) -> str:
    change = change_of(decision, action)
    if (approved.effect, approved.reason, approved.change) == (
        action.effect,
        action.reason,
        change,
    ):
        return "the same, but the object is another one, or the old value is spelled differently"
    return f"{_described(action.effect, action.reason, change)}: {decision.why.message}"


def _described(effect: str, reason: str, change: str) -> str:
    return f"{effect} ({reason})" + (f" {change}" if change else "")


def _head(decision: Decision) -> str:
    return _described(decision.effect, decision.reason, "")
