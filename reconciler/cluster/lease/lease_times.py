"""``LeaseTimes``: how long a lease lasts, and when it is renewed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How long a lease lasts and when it is renewed, in seconds of real time."""

    duration_s: int = 30
    """How long after the last renewal another run may acquire the lease."""
    renew_s: float = 10.0
    """How long after the last renewal the lease is renewed."""
    margin_s: float = 5.0
    """How long before its end a lease counts as lost, so that a patch in progress can complete."""
    request_s: float = 5.0
    """The timeout of one request, including the connection."""
    again_s: float = 2.0
    """The pause before a failed renewal is tried again."""
    release_s: float = 2.0
    """The maximum duration of a release of the lease."""
