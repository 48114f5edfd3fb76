"""ResponseTimes: the minimum response times of a real API server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WRITES: Final = frozenset({"create", "update", "patch", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTimes:
    """The minimum time that a response takes, in simulated seconds."""

    listed_per_s: float = float("inf")
    """How many objects per second a list returns, regardless of other concurrent lists."""
    write_s: float = 0.0
    """The duration of a write, which includes its webhooks and its commit to disk."""

    def least_s(self, verb: str, n_listed: int) -> float:
        """Returns the minimum duration of a response, which grows with the number of objects."""
        return self.write_s if verb in _WRITES else n_listed / self.listed_per_s


IMMEDIATE: Final = ResponseTimes()
