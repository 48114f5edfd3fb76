"""How long answers take where the simulated server is to be no faster than a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WRITES: Final = frozenset({"create", "update", "patch", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTimes:
    """The least time that an answer takes, in simulated seconds, whatever the simulator's own."""

    listed_per_s: float = float("inf")
    """Objects a second on one list; lists that are asked for side by side do not share it."""
    write_s: float = 0.0
    """What one write takes, its webhooks and its commit to disk."""

    def least_s(self, verb: str, n_listed: int) -> float:
        """How long the answer to *verb* takes at least, with *n_listed* objects in it."""
        return self.write_s if verb in _WRITES else n_listed / self.listed_per_s


IMMEDIATE: Final = ResponseTimes()
