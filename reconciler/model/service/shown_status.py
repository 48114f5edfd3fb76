"""``ShownStatus``: the commit status that ``serve`` sets on the Git host (GitHub, GitLab, …)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StatusState(StrEnum):
    """The states of a commit status that all Git hosts (GitHub, GitLab, …) support."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStatus:
    """The commit status that shows the result of one commit in one cluster."""

    commit: str
    state: StatusState
    description: str
