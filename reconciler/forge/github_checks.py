"""``GitHubChecks``: builds the requests for GitHub's check runs, within its limits on annotations.

Source: github.com/github/rest-api-description, "checks"; see the maximum lengths there.
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
"""The maximum number of annotations in one request."""
_TITLE, _TEXT = 255, 64_000
"""The limits on an annotation's title in characters, and on each of its texts in bytes."""
_CONCLUSIONS = {State.SUCCESS: "success", State.FAILURE: "failure", State.ERROR: "failure"}


class _Output(msgspec.Struct):
    annotations_count: int = 0


class KnownRun(msgspec.Struct):
    """A check run that exists on GitHub."""

    id: int
    external_id: str | None = None
    output: _Output | None = None

    @property
    def n_annotations(self) -> int:
        """The number of annotations that GitHub has stored."""
        return self.output.annotations_count if self.output else 0


class _Runs(msgspec.Struct):
    check_runs: list[KnownRun]


class GitHubChecks:
    """Builds the requests for check runs in one repository, and decodes the responses."""

    def __init__(self, project: str) -> None:
        self._root = f"/repos/{project}"

    def create(self, commit: str, run: CheckRun) -> ForgeRequest:
        """Return the request that creates a check run with its first annotations."""
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
        """Return the request that adds further annotations to a check run."""
        chosen = run.annotations[start : start + ANNOTATIONS_EACH]
        body: dict[str, object] = {"output": _output(run, chosen)}
        path = f"{self._root}/check-runs/{run_id}"
        return ForgeRequest(method="PATCH", path=path, body=body, repeatable=False)

    def read(self, run_id: int) -> ForgeRequest:
        """Return the request that reads a check run."""
        return ForgeRequest(method="GET", path=f"{self._root}/check-runs/{run_id}")

    def latest(self, commit: str, name: str) -> ForgeRequest:
        """Return the request for the newest check runs of a commit with a given name."""
        path = f"{self._root}/commits/{commit}/check-runs"
        query = {"check_name": name, "filter": "latest"}
        return ForgeRequest(method="GET", path=path, query=query)

    def decode_run(self, body: bytes) -> KnownRun:
        """Return the check run in a response."""
        return decoded(body, KnownRun)

    def decode_runs(self, body: bytes) -> tuple[KnownRun, ...]:
        """Return the check runs in the response for a commit."""
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
    """Return at most the first 64 KB of a text, without an incomplete character at the end."""
    return text.encode()[:_TEXT].decode(errors="ignore")
