"""ResponseTimes: makes the simulated API server respond as slowly as a real API server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WRITES: Final = frozenset({"create", "update", "patch", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTimes:
    """The minimum time until the simulated API server responds, in simulated seconds."""

    listed_per_s: float = float("inf")
    """How many objects per second each list request returns, even if lists run concurrently."""
    write_s: float = 0.0
    """The duration of a write request, including webhooks and the commit to disk."""

    def least_s(self, verb: str, n_listed: int) -> float:
        """Returns the minimum duration of a request; longer lists have a longer minimum."""
        return self.write_s if verb in _WRITES else n_listed / self.listed_per_s


IMMEDIATE: Final = ResponseTimes()
