"""``find_pull_request``: finds the open pull request whose last commit is a given commit.

A job after the pull request's own job, such as one of GitHub's event workflow_run, knows only the
commit. The number in an artifact of the pull request could be forged, so it is never used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import ForgeError
from reconciler.escaping import printable

if TYPE_CHECKING:
    from reconciler.forge.forge import Forge, PullRequest
    from reconciler.forge.forge_client import ForgeClient


def find_pull_request(client: ForgeClient, forge: Forge, commit: str, branch: str | None) -> int:
    """Return the number of the open pull request that has a given commit as its last commit.

    The list of open pull requests also contains those from forks.

    Args:
        client: The client of the forge.
        forge: The requests of the forge.
        commit: The complete hash of the commit.
        branch: The branch of the pull request as OWNER:BRANCH, which shortens the list; None if it
            is not known.

    Raises:
        ForgeError: No pull request has this last commit, or several have it.
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
            f"several pull requests have the last commit {commit}: {shown}",
            hint="select one of them with --pull-request",
        )
    moved = [each for each in found if branch and each.branch == branch.rpartition(":")[2]]
    raise ForgeError(
        f"no open pull request has the last commit {commit}{_moved(moved)}; nothing is posted",
        hint="if the pull request has a newer commit, the job of that commit posts its own "
        "result; a closed pull request gets no comment",
    )


def require_head(client: ForgeClient, forge: Forge, number: int, commit: str) -> None:
    """Check that the last commit of a pull request is still a given commit.

    Raises:
        ForgeError: The pull request has another last commit, or cannot be read.
    """
    head = forge.head_commit(client.send(forge.pull_request(number)).body)
    if head != commit:
        raise ForgeError(
            f"the last commit of pull request {number} is {printable(head, 64)} and not {commit}; "
            "nothing is posted",
            hint="the job of the newer commit posts its own result",
        )


def _moved(moved: list[PullRequest]) -> str:
    if not moved:
        return ""
    first = moved[0]
    return f": pull request {first.number} now has {printable(first.head, 64)}"
