"""The answer of the API server to a write: ``Written``, with a ``Refusal`` if it was refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.live.live_state import LiveKubeVirt, LiveVM


class Refusal(StrEnum):
    """Why the server refused a write, as far as its answer says."""

    GUARD = "guard"
    """422 without a cause: a ``test`` failed, or a parent is missing; the object has changed."""
    DENIED = "denied"
    """A webhook or the schema refused it; the message says why."""
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    NOT_FOUND = "not-found"
    EXISTS = "exists"
    NOT_AS_WRITTEN = "not-as-written"
    """The answer was 200, but the object does not hold the value: a webhook or an old CRD
    changed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The answer to one write."""

    refusal: Refusal | None = None
    """None where the server took the write and the object holds the value."""
    status: int
    message: str = ""
    """The server's own message, shortened; empty unless the write was refused."""
    warnings: tuple[str, ...] = ()
    """The admission warnings that have a text."""
    vm: LiveVM | None = None
    kubevirt: LiveKubeVirt | None = None
    """The object in the answer, where the server took the write."""
