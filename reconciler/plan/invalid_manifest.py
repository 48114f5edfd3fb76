"""``decide_invalid``: leaves an object unchanged if its manifest in Git has an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Decision, Reason
from reconciler.plan.finding import blocked

if TYPE_CHECKING:
    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.references import ObjectRef, Uid


def decide_invalid(ref: ObjectRef, uid: Uid | None, error: Diagnostic) -> Decision:
    """Return the decision on *ref*, whose manifest has *error*; other objects are planned."""
    finding = blocked(
        Reason.INVALID_MANIFEST,
        f"the manifest in Git is invalid: {error.message}",
        error.hint or "correct the manifest in Git",
    )
    return Decision(ref=ref, uid=uid, effect=finding.effect, why=finding.why, at=error.at)
