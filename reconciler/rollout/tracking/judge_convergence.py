"""``judge``: determines how close an object is to the state that Git sets.

The functions have no side effects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.run.outcome import Convergence, Verdict

if TYPE_CHECKING:
    from reconciler.model.live.live_migration import LiveMigration
    from reconciler.model.plan.plan import Decision

FAILURES = frozenset(
    {
        Reason.PLUG_REFUSED,
        Reason.GUEST_SILENT,
        Reason.MIGRATION_FAILING,
        Reason.INEFFECTIVE_MIGRATIONS,
        Reason.TARGET_UNSCHEDULABLE,
        Reason.QUOTA_REFUSED,
        Reason.AAQ_HOLDS,
        Reason.LIMIT_RANGE_REFUSED,
        Reason.HOTPLUG_STUCK,
    }
)
"""The failure reasons that an object's status shows, regardless of which client made a change."""

UNDER_WAY = frozenset(
    {
        Reason.IN_FLIGHT,
        Reason.MIGRATION_RETRYING,
        Reason.GUEST_ACCEPTING,
        Reason.STARTING,
        Reason.RESTARTING,
    }
)


def is_under_way(decision: Decision) -> bool:
    """Return whether the VM's spec has the desired size, but the guest does not have it yet."""
    return decision.reason in UNDER_WAY and not decision.changes


def judge(decision: Decision, *, written: bool = False) -> Convergence:
    """Determine how close an object is to the state that Git sets.

    Args:
        decision: The decision from the newest snapshot. If the spec has the desired size, the
            decision compares that size with the guest's memory.
        written: Whether this run wrote the value. If such an object needs a restart that the plan
            did not announce, it has failed.
    """
    return Convergence(verdict=_verdict(decision, written=written), why=decision.why)


def share(migration: LiveMigration | None) -> float:
    """Estimate from the migration what fraction (0 to 1) of a memory change is complete."""
    return migration.phase.fraction if migration else 0.05


def _verdict(decision: Decision, *, written: bool) -> Verdict:
    if decision.effect is Effect.NONE:
        # A VM that was suspended during the run does not have the size.
        return Verdict.HELD if decision.reason is Reason.SUSPENDED else Verdict.CURRENT
    if decision.reason in FAILURES:
        return Verdict.FAILED
    if decision.reason is Reason.NOT_FOUND:
        return Verdict.NOT_FOUND
    if decision.effect is Effect.WAIT:
        return Verdict.IN_PROGRESS
    if decision.actions:
        return Verdict.PENDING
    # With OTHER_EDIT_PENDING, another client's edit keeps the written size from the guest.
    failed = written and decision.reason is not Reason.OTHER_EDIT_PENDING
    return Verdict.FAILED if failed else Verdict.HELD
