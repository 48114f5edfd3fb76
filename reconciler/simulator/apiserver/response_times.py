"""ResponseTimes: makes the simulated API server no faster than a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WRITES: Final = frozenset({"create", "update", "patch", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTimes:
    """The minimum time that a response takes, in simulated seconds."""

    listed_per_s: float = float("inf")
    """The rate of a list in objects per second; each concurrent list has this rate."""
    write_s: float = 0.0
    """The duration of a write, which includes its webhooks and its commit to disk."""

    def least_s(self, verb: str, n_listed: int) -> float:
        """Returns the minimum duration of a response to `verb` that lists `n_listed` objects."""
        return self.write_s if verb in _WRITES else n_listed / self.listed_per_s


IMMEDIATE: Final = ResponseTimes()
