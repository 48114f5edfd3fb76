"""``approval_of``: creates an approval that covers every change in a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.phrases import changed
from reconciler.model.plan.approval import Approval, ApprovedAction
from reconciler.model.plan.plan import Verb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.plan.plan import Action, Decision, Plan


def approval_of(plan: Plan) -> Approval:
    """Create an approval that covers every change in a plan."""
    return Approval(
        cluster=plan.cluster,
        revision=plan.revision,
        digest=plan.digest,
        actions={
            each.ref: tuple(
                ApprovedAction(
                    wave=action.wave,
                    digest=action.digest,
                    effect=action.effect,
                    reason=action.reason.value,
                    change=change_of(each, action),
                )
                for action in each.actions
            )
            for each in plan.decisions
            if each.actions
        },
    )


def change_of(decision: Decision, action: Action) -> str:
    """Describe what a planned change writes, such as ``guest 8Gi -> 12Gi``."""
    own = [each for each in decision.changes if each.wave is action.wave]
    return change_text(action.verb, ((each.field[-1], each.before, each.after) for each in own))


def change_text(verb: Verb, changes: Iterable[tuple[str, object, object]]) -> str:
    """Describe changes as ``name old -> new``; for a create or a restart, return the verb."""
    if verb is not Verb.PATCH:
        return verb.value
    return ", ".join(changed(*each) for each in changes)
