"""``Progress``: a report about one step of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model.references import ObjectRef
from reconciler.model.run.outcome import Outcome


class Step(StrEnum):
    """The kinds of steps that a run reports."""

    WAVE = "wave"
    BARRIER = "barrier"
    PATCHED = "patched"
    CREATED = "created"
    RESTARTED = "restarted"
    FOLLOWING = "following"
    PHASE = "phase"
    WAITING = "waiting"
    """Nothing has changed since the run last read the cluster."""
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    STAGED = "staged"
    LEASE = "lease"
    ENDING = "ending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One reported step of a run."""

    at: datetime
    step: Step
    message: str
    ref: ObjectRef | None = None
    reason: str = ""
    fraction: float | None = None
    """The estimated progress of a change, from 0 (patch) to 1 (the guest has its memory).

    The fraction of a change never decreases.
    """
    outcome: Outcome | None = None
    """The object's final result; set only in the last report about the object."""
