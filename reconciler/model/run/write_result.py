"""``Written``: the API server's response to a write, with a ``Refusal`` if it was rejected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.live.live_owner import LiveOwner
from reconciler.model.live.live_state import LiveKubeVirt, LiveVM


class Refusal(StrEnum):
    """The reason why the API server rejected a write, according to its response."""

    GUARD = "guard"
    """HTTP status 422 without a cause: a ``test`` operation failed, or a parent is missing.

    The object has changed since it was read.
    """
    DENIED = "denied"
    """A webhook or the schema rejected the write; the message explains why."""
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    NOT_FOUND = "not-found"
    EXISTS = "exists"
    NOT_AS_WRITTEN = "not-as-written"
    """HTTP status 200, but with another value: a webhook or an old CRD changed the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The API server's response to one write."""

    refusal: Refusal | None = None
    """Why the write failed; None if the server accepted the write and stored the value."""
    status: int
    message: str = ""
    """The API server's error message, shortened; empty unless the server rejected the write."""
    warnings: tuple[str, ...] = ()
    """The non-empty admission warnings in the response."""
    vm: LiveVM | None = None
    kubevirt: LiveKubeVirt | None = None
    """The KubeVirt CR in the response, if the server accepted the write."""
    owner: LiveOwner | None = None
    """The operator's object, such as HyperConverged, in the response to an accepted write."""
