"""The report of a run: ``Outcome`` for each object, ``RunReport`` and its ``ExitCode``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect, Plan
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import ObjectRef, Uid


class ExitCode(IntEnum):
    """The exit code of the process; a number means the same in every command."""

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


class Verdict(StrEnum):
    """How far one object is from what Git says, judged by one snapshot."""

    CURRENT = "current"
    IN_PROGRESS = "in-progress"
    FAILED = "failed"
    NOT_FOUND = "not-found"
    PENDING = "pending"
    """A change may be made, and is not made yet."""
    HELD = "held"
    """The plan leaves it alone: it is blocked, or needs a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """The verdict on one object, and why."""

    verdict: Verdict
    why: Explanation


class Actuation(StrEnum):
    """Whether the server took our write."""

    NOT_NEEDED = "not-needed"
    """The value was there already: an earlier pass or another client wrote it."""
    PENDING = "pending"
    """It was not written when the run ended; the next pass writes it."""
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    """It was left unwritten on purpose: blocked, stale, not approved or over the budget."""
    FAILED = "failed"


class Result(StrEnum):
    """How one object ended in this run."""

    DONE = "done"
    """It is as Git says, and the guest has its memory."""
    FAILED = "failed"
    RUNNING = "running"
    """It was healthy and under way when the run ended."""
    WRITTEN = "written"
    """Its size is written, and the run did not wait for the guest, as asked."""
    HELD = "held"
    """It is blocked, waits, or needs a restart that this run does not ask for."""
    STALE = "stale"
    NOT_STARTED = "not-started"
    """The run ended before the change started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSummary:
    """The migration that carried a change, as it was last seen."""

    name: str
    uid: Uid
    phase: str
    source_node: str = ""
    target_node: str = ""
    failure_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one object ended, and what was written to it."""

    ref: ObjectRef
    effect: Effect
    """The effect as planned."""
    actuation: Actuation
    result: Result
    why: Explanation
    action_id: str = ""
    digest: str = ""
    patched_at: datetime | None = None
    restarted_at: datetime | None = None
    """When the run asked for the VM's restart."""
    ended_at: datetime | None = None
    seconds: float | None = None
    """The time from the patch until the guest had its memory."""
    failed_migrations: int = 0
    migration: MigrationSummary | None = None
    guest_before: MemoryQuantity | None = None
    guest_now: MemoryQuantity | None = None
    """``status.memory.guestCurrent`` when the run ended."""

    @property
    def reason(self) -> str:
        """The code of ``why``."""
        return self.why.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One run, from its plan to its exit code."""

    run_id: str
    plan: Plan
    outcomes: tuple[Outcome, ...]
    started_at: datetime
    ended_at: datetime
    exit: ExitCode
    """How the run ended."""
    excused: bool = False
    """Whether the process returns 0 instead, because the next run continues by itself."""
    message: str = ""
    """Why the run ended, where the outcomes alone do not say it."""
    notes: tuple[str, ...] = ()
    """Facts for an audit, such as whose approval was used, or that windows were ignored."""

    @property
    def returned(self) -> ExitCode:
        """The exit code of the process."""
        return ExitCode.DONE if self.excused else self.exit
