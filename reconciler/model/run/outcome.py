"""What became of a plan: one outcome an object, and the exit code that sums them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from reconciler.model.plan.plan import Effect, Plan
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import ObjectRef, Uid


class ExitCode(IntEnum):
    """The process's answer; the same number means the same in every command."""

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
    """How far one object is from what is desired, judged from one snapshot."""

    CURRENT = "current"
    IN_PROGRESS = "in-progress"
    FAILED = "failed"
    NOT_FOUND = "not-found"
    PENDING = "pending"
    """A change may be made, and is not made yet."""
    HELD = "held"
    """Left alone: blocked, or in need of a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """A pure verdict on one object."""

    verdict: Verdict
    reason: str
    """Kebab-case and stable."""
    message: str
    hint: str = ""
    phase: str = ""
    """What is going on now, for a progress display."""


class Actuation(StrEnum):
    """Whether our write landed."""

    NOT_NEEDED = "not-needed"
    """The value was there already: an earlier pass or somebody else wrote it."""
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    """Not written, on purpose: blocked, stale, over budget or out of time."""
    FAILED = "failed"


class Result(StrEnum):
    """What became of one object in this run."""

    DONE = "done"
    """As desired and converged."""
    FAILED = "failed"
    RUNNING = "running"
    """Healthy and under way when the run ended."""
    HELD = "held"
    """Blocked, waiting or in need of a restart; nothing was tried."""
    STALE = "stale"
    NOT_STARTED = "not-started"
    """The run ended before its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSummary:
    """The migration that carried a change, as far as it was seen."""

    name: str
    uid: Uid
    phase: str
    source_node: str = ""
    target_node: str = ""
    failure_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one object."""

    ref: ObjectRef
    effect: Effect
    """As planned."""
    actuation: Actuation
    result: Result
    reason: str
    message: str
    hint: str = ""
    action_id: str = ""
    digest: str = ""
    patched_at: datetime | None = None
    restarted_at: datetime | None = None
    """When the run asked for the VM's restart."""
    ended_at: datetime | None = None
    seconds: float | None = None
    """From the patch to convergence."""
    failed_migrations: int = 0
    migration: MigrationSummary | None = None
    guest_before: MemoryQuantity | None = None
    guest_now: MemoryQuantity | None = None
    """``status.memory.guestCurrent`` when the run ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One run from plan to end."""

    run_id: str
    plan: Plan
    outcomes: tuple[Outcome, ...]
    started_at: datetime
    ended_at: datetime
    exit: ExitCode
    message: str = ""
    """Why the run ended as it did, where the outcomes alone do not say it."""
    counts: Mapping[Result, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What was special about the run: whose approval it carried out, that windows were ignored."""
