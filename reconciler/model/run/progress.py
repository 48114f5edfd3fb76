"""``Progress``: a step of a run that is reported while the run continues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model.references import ObjectRef
from reconciler.model.run.outcome import Outcome


class Step(StrEnum):
    """The kind of step that a run has made."""

    WAVE = "wave"
    BARRIER = "barrier"
    PATCHED = "patched"
    CREATED = "created"
    RESTARTED = "restarted"
    FOLLOWING = "following"
    PHASE = "phase"
    WAITING = "waiting"
    """Nothing has changed; reported after each look at the cluster."""
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    STAGED = "staged"
    LEASE = "lease"
    ENDING = "ending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of a run."""

    at: datetime
    step: Step
    message: str
    ref: ObjectRef | None = None
    reason: str = ""
    fraction: float | None = None
    """The estimated progress from the patch to the guest's memory, from 0 to 1.

    The value never decreases.
    """
    outcome: Outcome | None = None
    """How the object ended; set only in the object's last step."""
