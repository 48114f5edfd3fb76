"""ResponseTimes: the time that responses of a real API server take at least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WRITES: Final = frozenset({"create", "update", "patch", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTimes:
    """The minimum time that a response takes, in simulated seconds."""

    listed_per_s: float = float("inf")
    """The number of objects that one list returns per second; concurrent lists do not share it."""
    write_s: float = 0.0
    """The duration of a write, which includes its webhooks and its commit to disk."""

    def least_s(self, verb: str, n_listed: int) -> float:
        """Returns the minimum duration of a response to `verb` that lists `n_listed` objects."""
        return self.write_s if verb in _WRITES else n_listed / self.listed_per_s


IMMEDIATE: Final = ResponseTimes()
