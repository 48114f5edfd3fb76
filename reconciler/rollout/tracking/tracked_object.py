"""``TrackedObject``: tracks one object through a run, in these states.

========= =================================================== ==========================
State     Meaning                                             Next transitions
========= =================================================== ==========================
WAITING   the value is not written                            accepted, found_written,
                                                              followed, ended
FOLLOWING the value was already there; the run only tracks it accepted, ended
WRITTEN   the API server accepted a write of this run         recreated, ended
ENDED     untracked; ``ObjectCloser.close`` stored the result none
========= =================================================== ==========================

A write can be ``sent`` in any state but ENDED. The write then has no response until the object is
``accepted``, ``refused`` or ``found_written``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.live.live_migration import LiveMigration
from reconciler.model.plan.plan import Action, Decision, Verb
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.run.outcome import Result
from reconciler.plan.vm.rules.guest_progress import failed_in_a_row
from reconciler.rollout.tracking.hold import Hold
from reconciler.rollout.tracking.judge_convergence import share

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.references import ObjectRef

VISIBLE_AFTER = timedelta(seconds=2)
"""Minimum time after a write until a snapshot is certain to include the write."""


class Cause(StrEnum):
    """The cause that ended the tracking of an object."""

    JUDGED = "judged"
    """The newest snapshot, the approval, a limit or an earlier failure ended the tracking."""
    REFUSED = "refused"
    """The API server rejected the write; the next run tries again."""
    BUG = "bug"
    """A bug in this program ended the object's tracking; other objects are still tracked."""
    RUN_ENDED = "run-ended"
    """The run ended before the object's change was complete; the next run continues the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalResult:
    """The final result for one object in a run, and what caused this result."""

    result: Result
    why: Explanation
    cause: Cause = Cause.JUDGED


def as_decided(result: Result, decision: Decision, cause: Cause = Cause.JUDGED) -> FinalResult:
    """Build a final result with the same explanation as the plan's decision."""
    return FinalResult(result=result, why=decision.why, cause=cause)


class State(StrEnum):
    """The states of a tracked object, from before its write until its result is final."""

    WAITING = "waiting"
    FOLLOWING = "following"
    WRITTEN = "written"
    ENDED = "ended"


class IllegalTransitionError(RuntimeError):
    """A transition that an object's state does not allow, which means a bug in the rollout."""


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
"""Maps transitions and states to next states; transitions that are not listed are illegal."""
_NEED_UNANSWERED = frozenset({"accepted", "refused", "found_written"})


@dataclass(slots=True, kw_only=True)
class TrackedObject:
    """The state of one object during a run.

    This state is never stored; the next run rebuilds it from the cluster.
    """

    planned: Decision
    latest: Decision
    """The decision from the newest snapshot."""
    hold: Hold | None = None
    """Why the change could not start at the last attempt, or None if it could start."""
    guest_before: MemoryQuantity | None = None
    guest_now: MemoryQuantity | None = None
    commit: str = ""
    """The commit that the run applies."""
    earlier_commit: str = ""
    """The commit from which an earlier run wrote the unfinished change, or '' if unknown."""
    action: Action | None = field(default=None, init=False)
    """The last write request for the object that was sent, if any."""
    unanswered_at: datetime | None = field(default=None, init=False)
    """When the write without a response was sent, or None if every write has a response.

    The API server might have executed this write.
    """
    patched_at: datetime | None = field(default=None, init=False)
    """When this or an earlier run wrote the desired value, or None if no run wrote it."""
    restarted_at: datetime | None = field(default=None, init=False)
    """When this run requested the restart of the VM, or None if it requested none."""
    attempts: int = field(default=0, init=False)
    """The number of failed writes to the object."""
    not_before: float = field(default=0.0, init=False)
    """The monotonic time in seconds before which no further write to the object is sent."""
    snapshot_at: datetime | None = field(default=None, init=False)
    """The time of the newest snapshot that contains the object."""
    migration: LiveMigration | None = field(default=None, init=False)
    """The newest migration of the VM since the change started, or None."""
    failed_migrations: int = field(default=0, init=False)
    ended_at: datetime | None = field(default=None, init=False)
    _fraction: float = field(default=0.0, init=False)
    last_open_state: State = field(default=State.WAITING, init=False)
    """The current state or, if the tracking has ended, the last state before the end."""
    final: FinalResult | None = field(default=None, init=False)

    @property
    def ref(self) -> ObjectRef:
        """The reference of the tracked object."""
        return self.planned.ref

    @property
    def state(self) -> State:
        """The object's current state."""
        return self.last_open_state if self.final is None else State.ENDED

    @property
    def open(self) -> bool:
        """Whether the object is still tracked."""
        return self.final is None

    @property
    def result(self) -> Result | None:
        """The object's final result, or None while the object is tracked."""
        return self.final.result if self.final else None

    @property
    def written(self) -> bool:
        """Whether this run has written to the object."""
        return self.last_open_state is State.WRITTEN

    @property
    def applied(self) -> bool:
        """Whether the object's spec contains the change, regardless of which client wrote it."""
        return self.last_open_state is not State.WAITING

    @property
    def revision(self) -> str:
        """The commit from which the object was changed, or an empty string if it is unknown."""
        if self.written:
            return self.commit
        return self.earlier_commit if self.applied else ""

    @property
    def in_doubt(self) -> bool:
        """Whether a write got no response, and no snapshot is new enough to show its result."""
        sent, shown = self.unanswered_at, self.snapshot_at
        return sent is not None and (shown is None or shown <= sent + VISIBLE_AFTER)

    def sent(self, action: Action, at: datetime) -> None:
        """Record that a write request for the object is being sent."""
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
        """Record that the API server rejected a write, or responded to it with an error."""
        self._go("refused")
        self.unanswered_at = None

    def found_written(self) -> None:
        """Record that a snapshot shows the result of a write that got no response."""
        self._go("found_written")
        self.patched_at, self.unanswered_at = self.unanswered_at, None

    def followed(self, patched_at: datetime | None = None) -> None:
        """Record that the object already has the desired value, which this run did not write.

        Args:
            patched_at: When an earlier run wrote the value, or None if another client wrote it.
        """
        self._go("followed")
        self.patched_at = patched_at

    def recreated(self) -> None:
        """Record that the VM was recreated; this run did not write to the new VM."""
        self._go("recreated")
        self.patched_at = self.restarted_at = None

    def ended(self, final: FinalResult, at: datetime) -> None:
        """End the tracking of the object; after a bug, this is allowed in any state."""
        if final.cause is not Cause.BUG:
            self._go("ended")
        hint = final.why.hint or self.latest.why.hint
        self.final, self.ended_at = replace(final, why=replace(final.why, hint=hint)), at

    def try_again(self, not_before: float) -> None:
        """Count a failed write, and forbid the next write to the object before *not_before*."""
        self.attempts += 1
        self.not_before = not_before

    def update(self, decision: Decision, live: LiveState) -> None:
        """Update the object's tracked state from the newest decision and snapshot."""
        self.latest, self.snapshot_at = decision, live.observed_at
        vmi = live.vmis.get(self.ref)
        recent = _since(live.migrations.get(self.ref, ()), self.patched_at)
        if recent:
            self.migration = recent[-1]
        self.failed_migrations = max(self.failed_migrations, failed_in_a_row(recent))
        self.guest_now = vmi.guest_current if vmi else None

    def advance(self) -> float:
        """Advance the object's progress bar, and return its position from 0 to 1.

        The bar never moves back.
        """
        self._fraction = max(self._fraction, share(self.migration))
        return self._fraction

    def _go(self, transition: str) -> None:
        after = _NEXT[transition].get(self.state)
        unanswered = self.unanswered_at is not None
        if after is None or (transition in _NEED_UNANSWERED and not unanswered):
            write = "an unanswered write" if unanswered else "no unanswered write"
            raise IllegalTransitionError(
                f"{self.ref} cannot be {transition}: its state is {self.state}, and it has {write}"
            )
        if after is not State.ENDED:
            self.last_open_state = after


def _since(
    migrations: tuple[LiveMigration, ...], start: datetime | None
) -> tuple[LiveMigration, ...]:
    """Return the migrations that were created at or after *start*, rounded down to seconds."""
    if start is None:
        return migrations
    whole = start.replace(microsecond=0)
    return tuple(each for each in migrations if not each.created_at or each.created_at >= whole)
