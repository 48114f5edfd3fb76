"""ResponseTimes: makes the simulated server no faster than a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WRITES: Final = frozenset({"create", "update", "patch", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTimes:
    """The least time that a response takes, in simulated seconds."""

    listed_per_s: float = float("inf")
    """The objects per second of one list; concurrent lists do not share the rate."""
    write_s: float = 0.0
    """The time of one write, with its webhooks and its commit to disk."""

    def least_s(self, verb: str, n_listed: int) -> float:
        """Returns the least time of a response to `verb` with `n_listed` objects."""
        return self.write_s if verb in _WRITES else n_listed / self.listed_per_s


IMMEDIATE: Final = ResponseTimes()
