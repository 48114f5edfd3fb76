"""Tracks one object through a run: ``TrackedObject``, its states and their transitions.

========= =================================================== ==========================
State     Meaning                                             Next transitions
========= =================================================== ==========================
WAITING   the value is not written                            accepted, found_written,
                                                              followed, ended
FOLLOWING the value was already there; the run only tracks it accepted, ended
WRITTEN   the API server accepted a write of this run         recreated, ended
ENDED     closed; ``completion.Completion`` has recorded it   none
========= =================================================== ==========================

A write may be ``sent`` in any state but ENDED. The write is then unanswered until the object is
``accepted``, ``refused`` or ``found_written``. Without an answer, it stays unanswered.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.live.live_migration import LiveMigration
from reconciler.model.plan.plan import Action, Decision, Verb
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.run.outcome import Actuation, MigrationSummary, Outcome, Result
from reconciler.plan.vm.rules.vm_convergence import failed_in_a_row
from reconciler.rollout.tracking.convergence import share
from reconciler.rollout.tracking.end import Cause, End
from reconciler.rollout.tracking.hold import Hold

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.references import ObjectRef

VISIBLE_AFTER = timedelta(seconds=2)
"""A snapshot shows a write for certain only if the snapshot is newer by this duration."""


class State(StrEnum):
    """The state of an object in its run; the module's table has the transitions."""

    WAITING = "waiting"
    FOLLOWING = "following"
    WRITTEN = "written"
    ENDED = "ended"


class IllegalTransitionError(RuntimeError):
    """The state of an object does not allow this transition: the rollout has a bug."""


_OPEN = (State.WAITING, State.FOLLOWING, State.WRITTEN)
_NEXT: dict[str, dict[State, State]] = {
    "sent": {each: each for each in _OPEN},
    "accepted": dict.fromkeys(_OPEN, State.WRITTEN),
    "refused": {each: each for each in _OPEN},
    "found_written": {State.WAITING: State.WRITTEN},
    "followed": {State.WAITING: State.FOLLOWING},
    "recreated": {State.WRITTEN: State.WAITING},
    "ended": dict.fromkeys(_OPEN, State.ENDED),
}
"""The next state for each transition and current state; all other transitions are illegal."""
_NEED_UNANSWERED = frozenset({"accepted", "refused", "found_written"})

_ACTUATION = {State.FOLLOWING: Actuation.NOT_NEEDED, State.WRITTEN: Actuation.SUCCEEDED}
_UNWRITTEN = {
    Cause.JUDGED: Actuation.SKIPPED,
    Cause.REFUSED: Actuation.FAILED,
    Cause.RUN_ENDED: Actuation.PENDING,
}
"""The reported actuation of an object that was closed in the state WAITING, by cause."""


@dataclass(slots=True, kw_only=True)
class TrackedObject:
    """The state of one object during one run; no other part of a rollout stores mutable state.

    This state is never stored; the next run rebuilds it from the cluster.
    """

    planned: Decision
    latest: Decision
    """The decision from the newest snapshot."""
    hold: Hold | None = None
    """Why the change could not start at the last attempt; None if it was not held."""
    guest_before: MemoryQuantity | None = None
    guest_now: MemoryQuantity | None = None
    action: Action | None = field(default=None, init=False)
    """The last write that was sent."""
    unanswered_at: datetime | None = field(default=None, init=False)
    """When the unanswered write was sent; None if the API server has answered every write.

    The API server may have executed the unanswered write.
    """
    patched_at: datetime | None = field(default=None, init=False)
    """When the value was written, by this run or by an earlier run."""
    restarted_at: datetime | None = field(default=None, init=False)
    """When this run requested the restart of the VM."""
    attempts: int = field(default=0, init=False)
    """The number of failed writes; after each of them, the object is planned again."""
    not_before: float = field(default=0.0, init=False)
    """The monotonic time before which the next write is not sent, in seconds."""
    looked_at: datetime | None = field(default=None, init=False)
    """When the newest snapshot that shows the object was read."""
    migration: LiveMigration | None = field(default=None, init=False)
    """The newest migration since the change started."""
    failed_migrations: int = field(default=0, init=False)
    ended_at: datetime | None = field(default=None, init=False)
    _fraction: float = field(default=0.0, init=False)
    _before_end: State = field(default=State.WAITING, init=False)
    """The current state; once the object is closed, the last state before it was closed."""
    _end: End | None = field(default=None, init=False)

    @property
    def ref(self) -> ObjectRef:
        """The reference of the tracked object."""
        return self.planned.ref

    @property
    def state(self) -> State:
        """The current state of the object."""
        return self._before_end if self._end is None else State.ENDED

    @property
    def open(self) -> bool:
        """Whether the object is still tracked."""
        return self._end is None

    @property
    def result(self) -> Result | None:
        """The result of the object; None while the object is still tracked."""
        return self._end.result if self._end else None

    @property
    def end_reason(self) -> str:
        """The reason code of the result; empty while the object is still tracked."""
        return self._end.why.reason if self._end else ""

    @property
    def written(self) -> bool:
        """Whether this run wrote the object."""
        return self._before_end is State.WRITTEN

    @property
    def applied(self) -> bool:
        """Whether the spec contains the change, no matter if this run wrote it."""
        return self._before_end is not State.WAITING

    @property
    def in_doubt(self) -> bool:
        """Whether a write was sent without an answer, and the snapshots are too old to show it."""
        sent, looked = self.unanswered_at, self.looked_at
        return sent is not None and (looked is None or looked <= sent + VISIBLE_AFTER)

    def sent(self, action: Action, at: datetime) -> None:
        """Record that the request of *action* is being sent."""
        self._go("sent")
        self.action, self.unanswered_at = action, at

    def accepted(self, at: datetime) -> None:
        """Record that the API server accepted the write."""
        self._go("accepted")
        self.unanswered_at, self.attempts = None, 0
        if self.action is not None and self.action.verb is Verb.RESTART:
            self.restarted_at = at
        self.patched_at = self.patched_at or at

    def refused(self) -> None:
        """Record that the API server answered and did not accept the write."""
        self._go("refused")
        self.unanswered_at = None

    def found_written(self) -> None:
        """Record that a snapshot shows the value of a write that was never answered."""
        self._go("found_written")
        self.patched_at, self.unanswered_at = self.unanswered_at, None

    def followed(self, patched_at: datetime | None = None) -> None:
        """Record that the object already has the value, although this run did not write it.

        Args:
            patched_at: When an earlier run wrote the value; None if another client wrote it.
        """
        self._go("followed")
        self.patched_at = patched_at

    def recreated(self) -> None:
        """Record that the VM was deleted and created again; this run did not write the new VM."""
        self._go("recreated")
        self.patched_at = self.restarted_at = None

    def ended(self, end: End, at: datetime) -> None:
        """Close the object; only ``completion.Completion.close`` calls this."""
        self._go("ended")
        hint = end.why.hint or self.latest.why.hint
        self._end, self.ended_at = replace(end, why=replace(end.why, hint=hint)), at

    def try_again(self, not_before: float) -> None:
        """Count a failed write; the next write must wait until the monotonic time *not_before*."""
        self.attempts += 1
        self.not_before = not_before

    def looked(self, decision: Decision, live: LiveState) -> None:
        """Update the object from the newest snapshot."""
        self.latest, self.looked_at = decision, live.observed_at
        vmi = live.vmis.get(self.ref)
        recent = _since(live.migrations.get(self.ref, ()), self.patched_at)
        if recent:
            self.migration = recent[-1]
        self.failed_migrations = max(self.failed_migrations, failed_in_a_row(recent))
        self.guest_now = vmi.guest_current if vmi else None

    def advance(self) -> float:
        """Advance the progress bar, never move it back, and return its position from 0 to 1."""
        self._fraction = max(self._fraction, share(self.migration))
        return self._fraction

    def outcome(self) -> Outcome:
        """Return the outcome of the object, whose tracking must be closed.

        Raises:
            IllegalTransitionError: The object has not ended.
        """
        if self._end is None:
            raise IllegalTransitionError(f"{self.ref} has no outcome, because it is still open")
        result, why = self._end.result, self._end.why
        seconds = None
        if self.patched_at and self.ended_at and result is Result.DONE:
            seconds = (self.ended_at - self.patched_at).total_seconds()
        return Outcome(
            ref=self.ref,
            effect=self.planned.effect,
            actuation=_ACTUATION.get(self._before_end, _UNWRITTEN[self._end.cause]),
            result=result,
            why=why,
            action_id=self.action.id if self.action else "",
            digest=self.action.digest if self.action else "",
            patched_at=self.patched_at,
            restarted_at=self.restarted_at,
            ended_at=self.ended_at,
            seconds=seconds,
            failed_migrations=self.failed_migrations,
            # A migration of a VM without a change is not part of this run's report.
            migration=_summary(self.migration) if self.applied else None,
            guest_before=self.guest_before,
            guest_now=self.guest_now,
        )

    def _go(self, transition: str) -> None:
        after = _NEXT[transition].get(self.state)
        unanswered = self.unanswered_at is not None
        if after is None or (transition in _NEED_UNANSWERED and not unanswered):
            write = "an unanswered write" if unanswered else "no unanswered write"
            raise IllegalTransitionError(
                f"{self.ref} cannot be {transition}: it is {self.state} with {write}"
            )
        if after is not State.ENDED:
            self._before_end = after


def _since(
    migrations: tuple[LiveMigration, ...], start: datetime | None
) -> tuple[LiveMigration, ...]:
    """Return the migrations created since *start*; creation timestamps are whole seconds."""
    if start is None:
        return migrations
    whole = start.replace(microsecond=0)
    return tuple(each for each in migrations if not each.created_at or each.created_at >= whole)


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
