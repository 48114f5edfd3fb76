"""``GitLab``: builds API requests for GitLab, where pull requests are called merge requests.

Source: docs.gitlab.com, "Notes API", "Merge requests API" and "Commits API".
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from reconciler.errors import UsageError
from reconciler.forge.answer_codec import decoded
from reconciler.forge.forge import Comment, CommitStatus, PullRequest, State
from reconciler.forge.forge_request import ForgeRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATES = {
    State.SUCCESS: "success",
    State.FAILURE: "failed",
    State.ERROR: "failed",
    State.PENDING: "pending",
}


class _User(msgspec.Struct):
    username: str


class _Note(msgspec.Struct):
    id: int
    author: _User
    body: str = ""
    system: bool = False

    def plain(self) -> Comment:
        return Comment(id=self.id, author=self.author.username, body=self.body)


class _MergeRequest(msgspec.Struct):
    sha: str | None
    """The hash of the last commit; None if GitLab has not yet read the merge request's branch."""
    iid: int = 0
    source_branch: str = ""


class GitLab:
    """Builds API requests for one project on GitLab.com or a self-managed GitLab server."""

    default_base_url = "https://gitlab.com/api/v4"
    default_author = ""
    """No default, since CI job tokens cannot write comments and token users have random names."""
    max_comment = 200_000
    """The maximum size of a comment in bytes; GitLab accepts more, but shows it slowly."""

    def __init__(self, project: str) -> None:
        """Check that *project* is a project path (GROUP/NAME) or a project ID.

        Raises: UsageError: *project* is neither.
        """
        if not project or project.strip("/") != project or not project.isprintable():
            raise UsageError(
                f"{project!r} is not the path or the ID of a project",
                hint="write GROUP/NAME or the numeric project ID",
            )
        self._root = f"/projects/{quote(project, safe='')}"

    def headers(self, token: str) -> Mapping[str, str]:
        """Build the HTTP headers that every API request needs, including the access token."""
        return {"PRIVATE-TOKEN": token}

    def user(self) -> ForgeRequest:
        """Build the API request that reads the user to whom the access token belongs."""
        return ForgeRequest(method="GET", path="/user")

    def user_name(self, body: bytes) -> str:
        """Parse the login name from the API response that describes the token's user."""
        return decoded(body, _User).username

    def pull_request(self, number: int) -> ForgeRequest:
        """Build the API request that reads one pull request."""
        return ForgeRequest(method="GET", path=f"{self._root}/merge_requests/{number}")

    def head_commit(self, body: bytes) -> str:
        """Parse the hash of the last commit from the API response about a pull request."""
        return decoded(body, _MergeRequest).sha or ""

    def open_pull_requests(self, branch: str | None) -> ForgeRequest:
        """Build the API request that lists the project's open merge requests (first page)."""
        query = {"state": "opened", "per_page": "100"}
        if branch:
            query["source_branch"] = branch.rpartition(":")[2]
        return ForgeRequest(method="GET", path=f"{self._root}/merge_requests", query=query)

    def decode_pull_requests(self, body: bytes) -> tuple[PullRequest, ...]:
        """Parse one page of the API's list of merge requests."""
        return tuple(
            PullRequest(number=each.iid, head=each.sha or "", branch=each.source_branch)
            for each in decoded(body, list[_MergeRequest])
        )

    def comments(self, number: int) -> ForgeRequest:
        """Build the API request that lists the comments on a pull request (first page)."""
        query = {"order_by": "created_at", "per_page": "100", "sort": "asc"}
        return ForgeRequest(method="GET", path=self._notes(number), query=query)

    def decode_comments(self, body: bytes) -> tuple[Comment, ...]:
        """Parse one page of the API's list of comments on a pull request."""
        return tuple(each.plain() for each in decoded(body, list[_Note]) if not each.system)

    def create_comment(self, number: int, text: str) -> ForgeRequest:
        """Build the API request that creates a comment on a pull request."""
        path = self._notes(number)
        return ForgeRequest(method="POST", path=path, body={"body": text}, repeatable=False)

    def decode_comment(self, body: bytes) -> Comment:
        """Parse the API response to the request that created a comment."""
        return decoded(body, _Note).plain()

    def edit_comment(self, number: int, comment_id: int, text: str) -> ForgeRequest:
        """Build the API request that replaces the text of a pull request comment."""
        path = f"{self._notes(number)}/{comment_id}"
        return ForgeRequest(method="PUT", path=path, body={"body": text})

    def delete_comment(self, number: int, comment_id: int) -> ForgeRequest:
        """Build the API request that deletes a pull request comment."""
        return ForgeRequest(method="DELETE", path=f"{self._notes(number)}/{comment_id}")

    def set_status(self, commit: str, status: CommitStatus) -> ForgeRequest:
        """Build the API request that sets the status of a commit."""
        body: dict[str, object] = {
            "state": _STATES[status.state],
            "name": status.name,
            "description": status.description,
        }
        if status.link:
            body["target_url"] = status.link
        return ForgeRequest(method="POST", path=f"{self._root}/statuses/{commit}", body=body)

    def _notes(self, number: int) -> str:
        return f"{self._root}/merge_requests/{number}/notes"
