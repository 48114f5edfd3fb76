"""``read_event``: reads the event that started a CI job on GitHub, Gitea or Forgejo."""

from __future__ import annotations

from pathlib import Path

import msgspec

from reconciler import input_files
from reconciler.decoders import json_decoder

_EVENT_BYTES = 32 * 1024 * 1024
"""The maximum size of an event file in bytes; the events of GitHub have at most 25 MB."""


class _Head(msgspec.Struct):
    sha: str


class _PullRequest(msgspec.Struct):
    head: _Head
    number: int


class _Owner(msgspec.Struct):
    login: str


class _Repository(msgspec.Struct):
    owner: _Owner


class _WorkflowRun(msgspec.Struct):
    event: str
    head_sha: str
    head_branch: str | None = None
    head_repository: _Repository | None = None

    def branch(self) -> str | None:
        if not self.head_branch or self.head_repository is None:
            return None
        return f"{self.head_repository.owner.login}:{self.head_branch}"


class CiEvent(msgspec.Struct):
    """The JSON event that started a CI job, written by the Git host (GitHub, Gitea, …)."""

    pull_request: _PullRequest | None = None
    workflow_run: _WorkflowRun | None = None


def read_event(path: str) -> CiEvent:
    """Read the CI event from a JSON file; return an empty event if this fails."""
    if not path:
        return CiEvent()
    try:
        return json_decoder(CiEvent).decode(input_files.read(Path(path), _EVENT_BYTES))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return CiEvent()
