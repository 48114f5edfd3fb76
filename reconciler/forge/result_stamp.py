"""``ResultStamp``: the hidden line of a comment that identifies the result in the comment.

The CI job of an older commit can end after that of a newer commit. The stamp prevents the older
result from replacing the newer one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

_LINE = re.compile(
    r"<!-- reconciler-result (?P<kind>plan|report|failure) "
    r"(?P<commit>[0-9a-f]{40}|[0-9a-f]{64}|-) "
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|-) -->"
)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class ResultKind(StrEnum):
    """The kinds of results that a pull request comment can show."""

    PLAN = "plan"
    REPORT = "report"
    FAILURE = "failure"
    """The log of a run that ended without a plan."""


class Outdated(StrEnum):
    """The reasons why a result must not replace the result in a pull request comment."""

    COMMIT = "not changed, because the pull request has a newer commit"
    RESULT = "not changed, because the comment shows a newer result for the same commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultStamp:
    """The kind, commit and time of the result that a pull request comment shows."""

    kind: ResultKind
    commit: str | None = None
    """The pull request's last commit when the result was created, or None if it is unknown."""
    time: datetime | None = None
    """For a plan, the time when the cluster was read; for a run report, the time when the run
    ended.
    """

    def line(self) -> str:
        """Format the stamp of a result as an HTML comment, which Git hosts do not display."""
        time = self.time.astimezone(UTC).strftime(_TIME) if self.time else "-"
        return f"<!-- reconciler-result {self.kind} {self.commit or '-'} {time} -->"

    def outdated(self, shown: ResultStamp | None, head: str | None) -> Outdated | None:
        """Return why this result must not replace the result in a comment, or None if it can.

        A run report can replace a comment even if the pull request has a newer last commit,
        because the report describes the cluster.

        Args:
            shown: The stamp of the existing comment, or None if it has no stamp.
            head: The last commit of the pull request, or None if it is unknown.
        """
        known = None not in (self.commit, head)
        if self.kind is not ResultKind.REPORT and known and self.commit != head:
            return Outdated.COMMIT
        if shown is None or None in (self.time, shown.time) or shown.commit != self.commit:
            return None
        return Outdated.RESULT if _seconds(self.time) < _seconds(shown.time) else None


def stamp_of(body: str) -> ResultStamp | None:
    """Parse the stamp on the second line of a comment; return None if the line is not a stamp."""
    lines = body.split("\n", 2)
    found = _LINE.fullmatch(lines[1].rstrip("\r")) if len(lines) > 1 else None
    if found is None:
        return None
    try:
        time = datetime.strptime(found["time"], _TIME).replace(tzinfo=UTC)
    except ValueError:
        time = None
    commit = None if found["commit"] == "-" else found["commit"]
    return ResultStamp(kind=ResultKind(found["kind"]), commit=commit, time=time)


def _seconds(time: datetime | None) -> int:
    return int(time.timestamp()) if time else 0
