"""``find_pull_request``: finds the open pull request whose last commit is a given commit.

A CI job that runs after the pull request's own job, such as a job for GitHub's event workflow_run,
knows only the commit. The job does not read the pull request number from an artifact, because the
author of the pull request can forge the artifact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import ForgeError
from reconciler.escaping import printable

if TYPE_CHECKING:
    from reconciler.forge.forge import Forge, PullRequest
    from reconciler.forge.forge_client import ForgeClient


def find_pull_request(client: ForgeClient, forge: Forge, commit: str, branch: str | None) -> int:
    """Return the number of the open pull request whose last commit is the given commit.

    The search includes pull requests from forks.

    Args:
        client: The HTTP client of the Git host.
        forge: Builds the API requests for the Git host.
        commit: The full hash of the commit.
        branch: The branch of the pull request as OWNER:BRANCH, which limits the search, or None if
            the branch is unknown.

    Raises:
        ForgeError: No open pull request, or more than one, has this last commit.
    """
    found = [
        each
        for page in client.pages(forge.open_pull_requests(branch))
        for each in forge.decode_pull_requests(page.body)
    ]
    numbers = sorted({each.number for each in found if each.head == commit})
    if len(numbers) == 1:
        return numbers[0]
    if numbers:
        shown = ", ".join(map(str, numbers))
        raise ForgeError(
            f"commit {commit} is the last commit of several open pull requests: {shown}",
            hint="select one of these pull requests with --pull-request",
        )
    moved = [each for each in found if branch and each.branch == branch.rpartition(":")[2]]
    raise ForgeError(
        f"no result was posted, because {commit} is not the last commit of an open pull request"
        f"{_moved(moved)}",
        hint="if the pull request has a newer commit, the CI job for that commit posts its own "
        "result; a closed pull request gets no result",
    )


def require_head(client: ForgeClient, forge: Forge, number: int, commit: str) -> None:
    """Check that the last commit of a pull request is still a given commit.

    Raises:
        ForgeError: The pull request has a different last commit, or cannot be read.
    """
    head = forge.head_commit(client.send(forge.pull_request(number)).body)
    if head != commit:
        raise ForgeError(
            f"no result was posted, because the last commit of pull request {number} is "
            f"{printable(head, 64)}, not {commit}",
            hint="the CI job for the newer commit posts its own result",
        )


def _moved(moved: list[PullRequest]) -> str:
    if not moved:
        return ""
    first = moved[0]
    return f" (the last commit of pull request {first.number} is now {printable(first.head, 64)})"
