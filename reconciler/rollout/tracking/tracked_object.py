"""The way of one object through a run: what was written, what was seen, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model.live.live_state import LiveMigration, LiveVM
from reconciler.model.plan.plan import Action, Decision
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.run.outcome import Actuation, MigrationSummary, Outcome, Result
from reconciler.rollout.tracking.convergence import share
from reconciler.rollout.tracking.hold import Hold

if TYPE_CHECKING:
    from reconciler.model.references import ObjectRef

SHOWS = timedelta(seconds=2)
"""By then a snapshot shows a write that was carried out."""


@dataclass(slots=True, kw_only=True)
class TrackedObject:
    """One object in one run: the only mutable state of a rollout.

    Nothing of it is kept; the next run rebuilds it from the cluster.
    """

    planned: Decision
    latest: Decision
    actuation: Actuation = Actuation.PENDING
    result: Result | None = None
    """None while the object is not done with."""
    action: Action | None = None
    written: LiveVM | None = None
    """The VM as the server answered our write, until the informer has caught up with it."""
    written_at: float = 0.0
    """Monotonic."""
    unanswered_at: datetime | None = None
    """When a write was last sent that was not answered, so that it may have landed."""
    patched_at: datetime | None = None
    looked_at: datetime | None = None
    """When the snapshot was read in which the object was last looked at."""
    restarted_at: datetime | None = None
    """When this run asked for the VM's restart."""
    hold: Hold | None = None
    """Why it did not begin when it was last looked at."""
    ended_at: datetime | None = None
    migration: LiveMigration | None = None
    """The newest migration seen since the change began."""
    failed_migrations: int = 0
    guest_before: MemoryQuantity | None = None
    guest_now: MemoryQuantity | None = None
    fraction: float = 0.0
    reason: str = ""
    message: str = ""
    hint: str = ""
    attempts: int = 0
    """Writes that were not taken, and led to a new decision."""
    not_before: float = 0.0
    """Monotonic seconds before which the next write is not tried."""

    @property
    def ref(self) -> ObjectRef:
        """The object."""
        return self.planned.ref

    @property
    def open(self) -> bool:
        """Whether the object is not done with."""
        return self.result is None

    @property
    def patched(self) -> bool:
        """Whether this run wrote the VM."""
        return self.actuation is Actuation.SUCCEEDED

    @property
    def begun(self) -> bool:
        """Whether the change is made, by this run or before it."""
        return self.patched or self.actuation is Actuation.NOT_NEEDED

    @property
    def in_doubt(self) -> bool:
        """Whether a write may have landed that no snapshot can have shown yet."""
        sent, looked = self.unanswered_at, self.looked_at
        return sent is not None and (looked is None or looked <= sent + SHOWS)

    def end(self, result: Result, reason: str, message: str, hint: str, at: datetime) -> None:
        """Close the course."""
        self.result, self.reason, self.message, self.hint = result, reason, message, hint
        self.ended_at = at

    def advance(self, migration: LiveMigration | None) -> float:
        """Move the bar, never backwards, and return where it stands."""
        self.fraction = max(self.fraction, share(migration))
        return self.fraction

    def outcome(self) -> Outcome:
        """The course as a value."""
        spent = None
        if self.patched_at and self.ended_at and self.result is Result.DONE:
            spent = (self.ended_at - self.patched_at).total_seconds()
        return Outcome(
            ref=self.ref,
            effect=self.planned.effect,
            actuation=self.actuation,
            result=self.result or Result.NOT_STARTED,
            reason=self.reason or self.latest.reason.value,
            message=self.message or self.latest.message,
            hint=self.hint or self.latest.hint,
            action_id=self.action.id if self.action else "",
            digest=self.action.digest if self.action else "",
            patched_at=self.patched_at,
            restarted_at=self.restarted_at,
            ended_at=self.ended_at,
            seconds=spent,
            failed_migrations=self.failed_migrations,
            # One of a VM that was left alone has carried nothing of ours.
            migration=_summary(self.migration) if self.begun else None,
            guest_before=self.guest_before,
            guest_now=self.guest_now,
        )


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
