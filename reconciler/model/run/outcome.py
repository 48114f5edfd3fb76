"""``RunReport``: the result of a run, with one ``Outcome`` per object and an ``ExitCode``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect, Plan
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import ObjectRef, Uid


class ExitCode(IntEnum):
    """The exit code of the process; each number has the same meaning in all commands."""

    DONE = 0
    ERROR = 1
    CHANGES = 2
    INVALID = 3
    BLOCKED = 4
    FAILED = 5
    DEADLINE = 6
    LEASE_HELD = 7
    STALE = 8
    USAGE = 64
    INTERRUPTED = 130

    @property
    def succeeded(self) -> bool:
        """Whether a run has ended without a failure, even if the next run has work left."""
        return self in (ExitCode.DONE, ExitCode.CHANGES, ExitCode.BLOCKED, ExitCode.DEADLINE)

    @property
    def completed(self) -> bool:
        """Whether a run has ended by itself, even if a change to an object has failed."""
        return self.succeeded or self in (ExitCode.INVALID, ExitCode.FAILED, ExitCode.STALE)


class Verdict(StrEnum):
    """How far an object is from its desired state, according to one snapshot of the cluster."""

    CURRENT = "current"
    IN_PROGRESS = "in-progress"
    FAILED = "failed"
    NOT_FOUND = "not-found"
    PENDING = "pending"
    """The object needs a change that is allowed, but that has not been made yet."""
    HELD = "held"
    """The plan does not change the object, because the object is blocked or needs a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """How close one object is to its desired state, with an explanation."""

    verdict: Verdict
    why: Explanation


class Actuation(StrEnum):
    """Whether the API server accepted the write to an object."""

    NOT_NEEDED = "not-needed"
    """Nothing was written, because the object already had the desired value."""
    PENDING = "pending"
    """The value was not written before the run ended; the next run will write it."""
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    """Nothing was written: the change was blocked, stale or unapproved, or too many had failed."""
    FAILED = "failed"


class Result(StrEnum):
    """The final result for one object in a run."""

    DONE = "done"
    """The object matches Git, and the guest has its new memory."""
    FAILED = "failed"
    RUNNING = "running"
    """The change was still in progress, without problems, when the run ended."""
    WRITTEN = "written"
    """The memory size is written; the user chose not to wait for the guest."""
    HELD = "held"
    """The object is blocked, must wait, or needs a restart that this run does not request."""
    STALE = "stale"
    NOT_STARTED = "not-started"
    """The run ended before the object's change started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSummary:
    """The last known state of the migration that carried out a change."""

    name: str
    uid: Uid
    phase: str
    source_node: str = ""
    target_node: str = ""
    failure_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result for one object in a run, and the write to the object."""

    ref: ObjectRef
    effect: Effect
    """The effect that the plan predicted."""
    actuation: Actuation
    result: Result
    why: Explanation
    action_id: str = ""
    digest: str = ""
    patched_at: datetime | None = None
    restarted_at: datetime | None = None
    """When the run requested the VM's restart; None if it did not."""
    ended_at: datetime | None = None
    seconds: float | None = None
    """The number of seconds from the patch until the guest had its new memory."""
    failed_migrations: int = 0
    migration: MigrationSummary | None = None
    guest_before: MemoryQuantity | None = None
    guest_now: MemoryQuantity | None = None
    """The guest's memory at the end of the run, from ``status.memory.guestCurrent``."""
    revision: str = ""
    """The commit from which this process changed the object, in this run or in an earlier one.

    Empty if this process did not change the object.
    """

    @property
    def reason(self) -> str:
        """The reason code that explains the object's result."""
        return self.why.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The report of one run, from its plan to its exit code."""

    run_id: str
    plan: Plan
    outcomes: tuple[Outcome, ...]
    started_at: datetime
    ended_at: datetime
    exit: ExitCode
    """The exit code that describes how the run ended."""
    excused: bool = False
    """Whether the process exits with 0 despite remaining work, which the next run continues."""
    message: str = ""
    """Why the run ended, if the results of the objects do not explain it."""
    notes: tuple[str, ...] = ()
    """Facts for an audit, such as who approved the run, or that windows were ignored."""

    @property
    def returned(self) -> ExitCode:
        """The exit code that the process returns."""
        return ExitCode.DONE if self.excused else self.exit
