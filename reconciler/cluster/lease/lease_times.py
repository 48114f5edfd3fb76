"""``LeaseTimes``: how long a lease lasts, and when it is renewed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How long a lease lasts and when it is renewed, in seconds of real time."""

    duration_s: int = 30
    """How many seconds after the last renewal the lease expires, and is free for another run."""
    renew_s: float = 10.0
    """The interval between renewals of the lease, in seconds."""
    margin_s: float = 5.0
    """How many seconds before expiry a lease counts as lost, so that a patch can complete."""
    request_s: float = 5.0
    """The timeout of one request for the lease, including the connection, in seconds."""
    again_s: float = 2.0
    """The pause before a failed renewal of the lease is tried again, in seconds."""
    release_s: float = 2.0
    """The maximum duration of the release of a lease, in seconds."""
