"""``lost``: explains why a VM no longer has the memory size that the run wrote.

The functions have no side effects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect
from reconciler.model.references import dotted

if TYPE_CHECKING:
    from reconciler.model.plan.plan import Decision

REVERTED = "reverted"
DELETED = "deleted"


def lost(decision: Decision) -> Explanation:
    """Explain why a VM no longer has the memory size that this run wrote."""
    hint = "let only one tool manage the VM's memory"
    if decision.effect is Effect.CREATE:
        message = "the run created the VM, and then another client deleted it"
        return Explanation(reason=DELETED, message=message, hint=hint)
    found = decision.changes[0].before if decision.changes else "another size"
    writer = decision.owner or "another client"
    message = (
        f"after this run wrote its value, {writer} changed the value to {found}; the run does not "
        "write its value again"
    )
    return Explanation(reason=REVERTED, message=message, hint=hint)


def wanted(decision: Decision) -> str:
    """Return an object's desired value as a string: VM memory in bytes, or CR field values."""
    if decision.ref.is_kubevirt:
        fields = (f"{dotted(each.field)}={each.after}" for each in decision.changes)
        return "; ".join(sorted(fields))
    return str(decision.target.n_bytes) if decision.target is not None else ""
