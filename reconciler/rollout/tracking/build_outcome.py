"""``build_outcome``: builds the entry of an object in the report of a run.

The functions have no side effects.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.run.outcome import Actuation, MigrationSummary, Outcome, Result
from reconciler.rollout.tracking.tracked_object import (
    Cause,
    IllegalTransitionError,
    State,
    TrackedObject,
)

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.live.live_migration import LiveMigration
    from reconciler.model.plan.plan import Action, Decision
    from reconciler.rollout.tracking.tracked_object import FinalResult

_ACTUATION = {State.FOLLOWING: Actuation.NOT_NEEDED, State.WRITTEN: Actuation.SUCCEEDED}
_UNWRITTEN = {
    Cause.JUDGED: Actuation.SKIPPED,
    Cause.REFUSED: Actuation.FAILED,
    Cause.BUG: Actuation.FAILED,
    Cause.RUN_ENDED: Actuation.PENDING,
}
"""Maps the cause that ended the tracking of an unwritten object to its ``Actuation``."""


def build_outcome(tracked: TrackedObject) -> Outcome:
    """Build the final result of an object that is no longer tracked.

    Raises:
        IllegalTransitionError: The object is still tracked.
    """
    final = tracked.final
    if final is None:
        raise IllegalTransitionError(
            f"{tracked.ref} has no outcome, because the run still tracks this object"
        )
    seconds = None
    if tracked.patched_at and tracked.ended_at and final.result is Result.DONE:
        seconds = (tracked.ended_at - tracked.patched_at).total_seconds()
    return Outcome(
        ref=tracked.ref,
        effect=tracked.planned.effect,
        actuation=_ACTUATION.get(tracked.last_open_state, _UNWRITTEN[final.cause]),
        result=final.result,
        why=final.why,
        action_id=tracked.action.id if tracked.action else "",
        digest=tracked.action.digest if tracked.action else "",
        patched_at=tracked.patched_at,
        restarted_at=tracked.restarted_at,
        ended_at=tracked.ended_at,
        seconds=seconds,
        failed_migrations=tracked.failed_migrations,
        # A migration of a VM without a change is not part of this run's report.
        migration=_summary(tracked.migration) if tracked.applied else None,
        guest_before=tracked.guest_before,
        guest_now=tracked.guest_now,
        revision=tracked.revision,
    )


def untracked_outcome(
    decision: Decision, final: FinalResult, at: datetime, *, action: Action | None = None
) -> Outcome:
    """Build the result of an object that the run never tracked.

    *at* is when the run ended.
    """
    tracked = TrackedObject(planned=decision, latest=replace(decision, why=final.why))
    tracked.action = action
    tracked.ended(final, at)
    return build_outcome(tracked)


def _summary(migration: LiveMigration | None) -> MigrationSummary | None:
    if migration is None:
        return None
    return MigrationSummary(
        name=migration.ref.name,
        uid=migration.uid,
        phase=migration.phase.value,
        source_node=migration.source_node,
        target_node=migration.target_node,
        failure_reason=migration.failure_reason,
    )
