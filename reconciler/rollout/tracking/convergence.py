"""How far one object is, judged from a decision on a fresh snapshot; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.run.outcome import Convergence, Verdict

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveMigration
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
"""What the cluster shows as failed, whichever pass or person began it."""

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
    """Whether the spec holds the desired size already, and the guest is on its way to it."""
    return decision.reason in UNDER_WAY and not decision.changes


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
"""How much of the way is behind a VM whose migration is in a phase; for display only."""


def convergence(decision: Decision, *, patched: bool) -> Convergence:
    """Judge one VM.

    Args:
        decision: Made from the newest snapshot; where the spec holds the desired size, it
            already compares what the guest has.
        patched: Whether this run wrote the value; what needs a restart after that has failed,
            unless it was planned so.
    """
    verdict = _verdict(decision, patched=patched)
    return Convergence(
        verdict=verdict,
        reason=decision.reason.value,
        message=decision.message,
        hint=decision.hint,
    )


def share(migration: LiveMigration | None) -> float:
    """The estimated part of the way from patch to convergence, 0 to 1."""
    return _SHARE.get(migration.phase.value, 0.1) if migration else 0.05


def _verdict(decision: Decision, *, patched: bool) -> Verdict:
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
    # What was written is good where only an edit of somebody else keeps it back.
    failed = patched and decision.reason is not Reason.OTHER_EDIT_PENDING
    return Verdict.FAILED if failed else Verdict.HELD
