"""What it means that a value which a run has written is gone; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect, Verb

if TYPE_CHECKING:
    from reconciler.model.plan.plan import Decision

REVERTED = "reverted"
DELETED = "deleted"


def same_restart(decision: Decision) -> bool:
    """Whether all that is left to write is the restart which takes the written size."""
    return bool(decision.actions) and decision.actions[0].verb is Verb.RESTART


def lost(decision: Decision) -> tuple[str, str]:
    """Reason and message for a VM that, after our write, is to be written again."""
    if decision.effect is Effect.CREATE:
        return DELETED, "the VM was created, and somebody deleted it"
    found = decision.changes[0].before if decision.changes else "another size"
    writer = f" ({decision.owner})" if decision.owner else ""
    return REVERTED, f"somebody{writer} wrote {found} over our patch; it is not written again"


def wanted(decision: Decision) -> str:
    """What Git wants of a VM, spelled in one way."""
    return str(decision.target.n_bytes) if decision.target is not None else ""
