"""``artifact``: builds the JSON with which GitHub's API lists an artifact of a workflow run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.forges.pull import HEAD

if TYPE_CHECKING:
    from support.forges.github_description import GitHubDescription


def artifact(description: GitHubDescription | None, run: str) -> dict:
    """Build the API's JSON for a snapshot artifact that workflow run *run* uploaded."""
    found = description.example_of("artifact") if description else {}
    same = {"id": int(run), "repository_id": 1, "head_repository_id": 1}
    run_of = {**same, "head_branch": "main", "head_sha": HEAD}
    return {**found, "name": "snapshot", "expired": False, "workflow_run": run_of}
