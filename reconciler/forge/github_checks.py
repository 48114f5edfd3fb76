"""``GitHubChecks``: builds API requests for GitHub check runs, within the annotation limits.

Source of the limits: github.com/github/rest-api-description, operations "checks".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reconciler.forge.answer_codec import decoded
from reconciler.forge.forge import State
from reconciler.forge.forge_request import ForgeRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.forge.check_run import Annotation, CheckRun

ANNOTATIONS_EACH = 50
"""The maximum number of annotations that GitHub accepts in one request."""
_TITLE, _TEXT = 255, 64_000
"""The maximum size of an annotation's title (characters), and of its message or details (bytes).
"""
_CONCLUSIONS = {State.SUCCESS: "success", State.FAILURE: "failure", State.ERROR: "failure"}


class _Output(msgspec.Struct):
    annotations_count: int = 0


class KnownRun(msgspec.Struct):
    """A check run, with only the fields of GitHub's response that this program reads."""

    id: int
    external_id: str | None = None
    output: _Output | None = None

    @property
    def n_annotations(self) -> int:
        """The number of annotations that GitHub has stored for this check run."""
        return self.output.annotations_count if self.output else 0


class _Runs(msgspec.Struct):
    check_runs: list[KnownRun]


class GitHubChecks:
    """Builds API requests for the check runs of one GitHub repository, and decodes responses."""

    def __init__(self, project: str) -> None:
        self._root = f"/repos/{project}"

    def create(self, commit: str, run: CheckRun) -> ForgeRequest:
        """Build the API request that creates a check run with its first 50 annotations."""
        body: dict[str, object] = {
            "name": run.name,
            "head_sha": commit,
            "external_id": run.key,
            "status": "in_progress" if run.state is State.PENDING else "completed",
            "output": _output(run, run.annotations[:ANNOTATIONS_EACH]),
        }
        if run.state is not State.PENDING:
            body["conclusion"] = _CONCLUSIONS[run.state]
        if run.link:
            body["details_url"] = run.link
        path = f"{self._root}/check-runs"
        return ForgeRequest(method="POST", path=path, body=body, repeatable=False)

    def add_annotations(self, run_id: int, run: CheckRun, start: int) -> ForgeRequest:
        """Build the API request that adds the next annotations (at most 50) to a check run."""
        chosen = run.annotations[start : start + ANNOTATIONS_EACH]
        body: dict[str, object] = {"output": _output(run, chosen)}
        path = f"{self._root}/check-runs/{run_id}"
        return ForgeRequest(method="PATCH", path=path, body=body, repeatable=False)

    def read(self, run_id: int) -> ForgeRequest:
        """Build the API request that reads a check run."""
        return ForgeRequest(method="GET", path=f"{self._root}/check-runs/{run_id}")

    def latest(self, commit: str, name: str) -> ForgeRequest:
        """Build the API request that lists a commit's newest check runs with a given name."""
        path = f"{self._root}/commits/{commit}/check-runs"
        query = {"check_name": name, "filter": "latest"}
        return ForgeRequest(method="GET", path=path, query=query)

    def decode_run(self, body: bytes) -> KnownRun:
        """Parse an API response that describes one check run."""
        return decoded(body, KnownRun)

    def decode_runs(self, body: bytes) -> tuple[KnownRun, ...]:
        """Parse an API response that lists the check runs of a commit."""
        return tuple(decoded(body, _Runs).check_runs)


def _output(run: CheckRun, annotations: Sequence[Annotation]) -> dict[str, object]:
    return {
        "title": run.title,
        "summary": run.summary,
        "annotations": [_entry(each) for each in annotations],
    }


def _entry(annotation: Annotation) -> dict[str, object]:
    entry: dict[str, object] = {
        "path": annotation.path,
        "start_line": annotation.line,
        "end_line": annotation.line,
        "annotation_level": str(annotation.level),
        "title": annotation.title[:_TITLE],
        "message": _cut(annotation.message),
    }
    if annotation.column:
        entry |= {"start_column": annotation.column, "end_column": annotation.column}
    if annotation.details:
        entry["raw_details"] = _cut(annotation.details)
    return entry


def _cut(text: str) -> str:
    """Truncate a string to 64,000 bytes of UTF-8, without splitting a character."""
    return text.encode()[:_TEXT].decode(errors="ignore")
