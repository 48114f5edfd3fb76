"""Judges how far one object is from what Git says: ``convergence``; pure."""

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
        Reason.HOTPLUG_STUCK,
    }
)
"""The reasons by which the cluster shows a failure, no matter who started the change."""

UNDER_WAY = frozenset(
    {
        Reason.IN_FLIGHT,
        Reason.MIGRATION_RETRYING,
        Reason.GUEST_ACCEPTING,
        Reason.STARTING,
        Reason.RESTARTING,
    }
)

_SHARE = {
    "": 0.05,
    "Pending": 0.1,
    "Scheduling": 0.2,
    "Scheduled": 0.3,
    "PreparingTarget": 0.35,
    "TargetReady": 0.4,
    "WaitingForSync": 0.4,
    "Synchronizing": 0.4,
    "Running": 0.5,
    "Failed": 0.1,
    "Succeeded": 0.9,
}
"""The estimated share of a change that is done, by the phase of its migration."""


def is_under_way(decision: Decision) -> bool:
    """Return whether the spec holds the desired size, and the guest is on its way to it."""
    return decision.reason in UNDER_WAY and not decision.changes


def convergence(decision: Decision, *, written: bool = False) -> Convergence:
    """Judge one object.

    Args:
        decision: The decision from the newest snapshot; where the spec holds the desired size,
            it compares that with the memory of the guest.
        written: Whether this run wrote the value. An object that needs a restart after that has
            failed, unless the plan said so.
    """
    return Convergence(verdict=_verdict(decision, written=written), why=decision.why)


def share(migration: LiveMigration | None) -> float:
    """Return the estimated share of a change that is done, 0 to 1; for display only."""
    return _SHARE.get(migration.phase.value, 0.1) if migration else 0.05


def _verdict(decision: Decision, *, written: bool) -> Verdict:
    if decision.effect is Effect.NONE:
        return Verdict.CURRENT
    if decision.reason in FAILURES:
        return Verdict.FAILED
    if decision.reason is Reason.NOT_FOUND:
        return Verdict.NOT_FOUND
    if decision.effect is Effect.WAIT:
        return Verdict.IN_PROGRESS
    if decision.actions:
        return Verdict.PENDING
    # The size is written, and only an edit of another client keeps it from the guest.
    failed = written and decision.reason is not Reason.OTHER_EDIT_PENDING
    return Verdict.FAILED if failed else Verdict.HELD
