"""``GitHub`` and ``Gitea``: build API requests for GitHub, Gitea and Forgejo.

Sources: github.com/github/rest-api-description, and routers/api/v1 of Gitea v1.24.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from reconciler.errors import UsageError
from reconciler.forge.answer_codec import decoded
from reconciler.forge.forge import Comment, CommitStatus, PullRequest
from reconciler.forge.forge_request import ForgeRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROJECT = re.compile(r"(?!\.{1,2}/)[\w.-]+/(?!\.{1,2}$)[\w.-]+", re.ASCII)


class _User(msgspec.Struct):
    login: str


class _Comment(msgspec.Struct):
    id: int
    body: str | None = None
    user: _User | None = None

    def plain(self) -> Comment:
        author = self.user.login if self.user else ""
        return Comment(id=self.id, author=author, body=self.body or "")


class _Head(msgspec.Struct):
    sha: str
    ref: str = ""


class _PullRequest(msgspec.Struct):
    head: _Head
    number: int = 0


class GitHub:
    """Builds API requests for one repository on GitHub.com or GitHub Enterprise Server."""

    default_base_url = "https://api.github.com"
    default_author = "github-actions[bot]"
    max_comment = 65_000
    """The maximum size of a comment in bytes; GitHub accepts 65,536 characters."""
    _page: Mapping[str, str] = {"per_page": "100"}
    _pull_page: Mapping[str, str] = {"per_page": "100"}
    _filters_branch = True

    def __init__(self, project: str) -> None:
        """Check that *project* has the form OWNER/NAME.

        Raises: UsageError: *project* does not have this form.
        """
        if not _PROJECT.fullmatch(project):
            raise UsageError(f"{project!r} is not a repository name", hint="write OWNER/NAME")
        self._root = f"/repos/{project}"

    def headers(self, token: str) -> Mapping[str, str]:
        """Build the HTTP headers that every API request needs, including the access token."""
        return {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def user(self) -> ForgeRequest:
        """Build the API request that reads the user to whom the access token belongs."""
        return ForgeRequest(method="GET", path="/user")

    def user_name(self, body: bytes) -> str:
        """Parse the login name from the API response that describes the token's user."""
        return decoded(body, _User).login

    def pull_request(self, number: int) -> ForgeRequest:
        """Build the API request that reads one pull request."""
        return ForgeRequest(method="GET", path=f"{self._root}/pulls/{number}")

    def head_commit(self, body: bytes) -> str:
        """Parse the hash of the last commit from the API response about a pull request."""
        return decoded(body, _PullRequest).head.sha

    def open_pull_requests(self, branch: str | None) -> ForgeRequest:
        """Build the API request that lists the repository's open pull requests (first page).

        GitHub can also list the pull requests of a commit, but that list can lack pull requests
        from forks.
        """
        query = {"state": "open", **self._pull_page}
        if branch and self._filters_branch:
            query["head"] = branch
        return ForgeRequest(method="GET", path=f"{self._root}/pulls", query=query)

    def decode_pull_requests(self, body: bytes) -> tuple[PullRequest, ...]:
        """Parse one page of the API's list of pull requests."""
        return tuple(
            PullRequest(number=each.number, head=each.head.sha, branch=each.head.ref)
            for each in decoded(body, list[_PullRequest])
        )

    def comments(self, number: int) -> ForgeRequest:
        """Build the API request that lists the comments on a pull request (first page)."""
        path = f"{self._root}/issues/{number}/comments"
        return ForgeRequest(method="GET", path=path, query=self._page)

    def decode_comments(self, body: bytes) -> tuple[Comment, ...]:
        """Parse one page of the API's list of comments on a pull request."""
        return tuple(each.plain() for each in decoded(body, list[_Comment]))

    def create_comment(self, number: int, text: str) -> ForgeRequest:
        """Build the API request that creates a comment on a pull request."""
        path = f"{self._root}/issues/{number}/comments"
        return ForgeRequest(method="POST", path=path, body={"body": text}, repeatable=False)

    def decode_comment(self, body: bytes) -> Comment:
        """Parse the API response to the request that created a comment."""
        return decoded(body, _Comment).plain()

    def edit_comment(self, number: int, comment_id: int, text: str) -> ForgeRequest:
        """Build the API request that replaces the text of a pull request comment."""
        del number  # comment IDs are unique in the repository
        path = f"{self._root}/issues/comments/{comment_id}"
        return ForgeRequest(method="PATCH", path=path, body={"body": text})

    def delete_comment(self, number: int, comment_id: int) -> ForgeRequest:
        """Build the API request that deletes a pull request comment."""
        del number
        return ForgeRequest(method="DELETE", path=f"{self._root}/issues/comments/{comment_id}")

    def set_status(self, commit: str, status: CommitStatus) -> ForgeRequest:
        """Build the API request that sets the status of a commit."""
        body: dict[str, object] = {
            "state": str(status.state),
            "context": status.name,
            "description": status.description,
        }
        if status.link:
            body["target_url"] = status.link
        return ForgeRequest(method="POST", path=f"{self._root}/statuses/{commit}", body=body)


class Gitea(GitHub):
    """Builds API requests for one repository on Gitea or Forgejo."""

    default_base_url = ""
    default_author = "gitea-actions"
    max_comment = 65_000
    """The maximum size of a comment in bytes; the databases that Gitea uses can have a limit."""
    _page: Mapping[str, str] = {}
    """No paging parameters, because Gitea ignores them and returns all comments at once."""
    _pull_page: Mapping[str, str] = {"limit": "50"}
    _filters_branch = False

    def headers(self, token: str) -> Mapping[str, str]:
        """Build the HTTP headers that every API request needs, including the access token."""
        return {"Authorization": f"token {token}"}
