"""``ShownStatus``: what a forge shows next to a commit that ``serve`` has read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StatusState(StrEnum):
    """The states of a commit status that all forges have."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStatus:
    """The result for one commit in one cluster."""

    commit: str
    state: StatusState
    description: str
