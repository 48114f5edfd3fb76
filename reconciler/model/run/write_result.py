"""What the API server answered to a write: taken, or refused and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.live.live_state import LiveKubeVirt, LiveVM


class Refusal(StrEnum):
    """Why a write was not taken, as far as the server's answer tells."""

    GUARD = "guard"
    """422 without a cause: a ``test`` failed, or a parent is missing. Read again, decide again."""
    DENIED = "denied"
    """A webhook or the schema said no; the message says why."""
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    NOT_FOUND = "not-found"
    EXISTS = "exists"
    NOT_AS_WRITTEN = "not-as-written"
    """Answered 200, but the object does not hold the value: pruned, or changed by a webhook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The answer to one write."""

    refusal: Refusal | None = None
    """None where the write was taken and verified by value."""
    status: int
    message: str = ""
    """The server's own sentence, cut short; only set on a refusal."""
    warnings: tuple[str, ...] = ()
    """Admission warnings; empty ones are left out."""
    vm: LiveVM | None = None
    kubevirt: LiveKubeVirt | None = None
    """The object as answered, where the write was taken."""
