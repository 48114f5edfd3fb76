"""Whether what is to be written is what was approved; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.approval_summary import change_of

if TYPE_CHECKING:
    from reconciler.model.plan.approval import Approval, ApprovedAction
    from reconciler.model.plan.plan import Action, Decision

NOT_APPROVED = "not-approved"
STALE = "stale"
HINT = "plan again, and have the new plan approved"


def covers(approval: Approval | None, decision: Decision) -> bool:
    """Whether anything was approved for the object; everything is, without an approval."""
    return approval is None or decision.ref in approval.actions


def difference(approval: Approval | None, decision: Decision, action: Action | None) -> str:
    """How what is decided now differs from what was approved; empty where it does not.

    Args:
        approval: None approves all.
        decision: The object's, made a moment ago.
        action: The one whose turn it is; None where *decision* has none any more, and the object
            is still not as desired.
    """
    if approval is None:
        return ""
    approved = approval.actions.get(decision.ref, ())
    if not approved:
        return ""
    if action is not None:
        same = approval.of(decision.ref, action.wave)
        if same is not None and same.digest == action.digest:
            return ""
        shown = same or approved[0]
    else:
        shown = approved[0]
    return f"approved: {_said(shown.effect, shown.reason, shown.change)}; now: " + (
        _now(decision, action, shown) if action else f"{_head(decision)}: {decision.message}"
    )


def _now(decision: Decision, action: Action, approved: ApprovedAction) -> str:
    change = change_of(decision, action)
    if (approved.effect, approved.reason, approved.change) == (
        action.effect,
        action.reason,
        change,
    ):
        return "the same, but of another object, or over a value that is spelled otherwise"
    return f"{_said(action.effect, action.reason, change)}: {decision.message}"


def _said(effect: str, reason: str, change: str) -> str:
    return f"{effect} ({reason})" + (f" {change}" if change else "")


def _head(decision: Decision) -> str:
    return _said(decision.effect, decision.reason, "")
