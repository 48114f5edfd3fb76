"""``ResultStamp``: a comment's hidden line, which identifies the result that it shows.

A CI job may end after the job of a newer commit. The stamp prevents that the older result replaces
the newer one.
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
    """The kinds of results that a comment can show."""

    PLAN = "plan"
    REPORT = "report"
    FAILURE = "failure"
    """The log of a run that ended without a plan."""


class Outdated(StrEnum):
    """The reasons why a result does not replace a pull request's comment."""

    COMMIT = "not changed, because the pull request has a newer commit"
    RESULT = "not changed, because it shows a newer result for the same commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultStamp:
    """Identifies the result that a comment shows, by its kind, commit and time."""

    kind: ResultKind
    commit: str | None = None
    """The pull request's last commit when the result was made; None if it is not known."""
    time: datetime | None = None
    """When the cluster was read for a plan, or when the run of a report ended."""

    def line(self) -> str:
        """Return the stamp as one HTML comment, which forges do not display."""
        time = self.time.astimezone(UTC).strftime(_TIME) if self.time else "-"
        return f"<!-- reconciler-result {self.kind} {self.commit or '-'} {time} -->"

    def outdated(self, shown: ResultStamp | None, head: str | None) -> Outdated | None:
        """Return why this result must not replace a comment; None if it may replace it.

        A report describes the cluster and not only a commit, so that the last commit of its pull
        request does not matter.

        Args:
            shown: The stamp of the present comment; None if there is no stamp.
            head: The last commit of the pull request; None if it is not known.
        """
        known = None not in (self.commit, head)
        if self.kind is not ResultKind.REPORT and known and self.commit != head:
            return Outdated.COMMIT
        if shown is None or None in (self.time, shown.time) or shown.commit != self.commit:
            return None
        return Outdated.RESULT if _seconds(self.time) < _seconds(shown.time) else None


def stamp_of(body: str) -> ResultStamp | None:
    """Return the stamp on the second line of a comment; None if there is none."""
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
