"""``Forge``: the requests and responses that differ between GitHub, GitLab, Gitea and Forgejo."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.forge.forge_request import ForgeRequest


class State(StrEnum):
    """The state of a commit status; GitLab uses different names for some states."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStatus:
    """A commit status, which a forge shows next to the commit and in its pull request."""

    state: State
    name: str
    """The name of the status; a new status with the same name replaces the old one."""
    description: str
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment on a pull request."""

    id: int
    author: str
    """The login name of the comment's author, which only the forge sets."""
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """An open pull request, with the fields that lists of pull requests contain."""

    number: int
    head: str
    """The hash of the pull request's last commit."""
    branch: str
    """The name of the pull request's branch, which may be in a fork."""


class Forge(Protocol):
    """Builds the requests for one project on a forge, and decodes the responses."""

    @property
    def default_base_url(self) -> str:
        """The API address of the public server; empty if there is no public server."""
        ...

    @property
    def default_author(self) -> str:
        """The author of comments that a CI job's token writes."""
        ...

    @property
    def max_comment(self) -> int:
        """The maximum size of a comment in bytes of UTF-8."""
        ...

    def headers(self, token: str) -> Mapping[str, str]:
        """Return the headers of every request."""
        ...

    def user(self) -> ForgeRequest:
        """Return the request that reads the user to whom the token belongs."""
        ...

    def user_name(self, body: bytes) -> str:
        """Return the login name from the response that describes the token's user."""
        ...

    def pull_request(self, number: int) -> ForgeRequest:
        """Return the request for a pull request."""
        ...

    def head_commit(self, body: bytes) -> str:
        """Return the hash of the last commit from the response that describes a pull request."""
        ...

    def open_pull_requests(self, branch: str | None) -> ForgeRequest:
        """Return the request for the first page of the project's open pull requests.

        With a *branch*, such as OWNER:BRANCH, the forge may list only its pull requests.
        """
        ...

    def decode_pull_requests(self, body: bytes) -> tuple[PullRequest, ...]:
        """Return the pull requests on one page of the list."""
        ...

    def comments(self, number: int) -> ForgeRequest:
        """Return the request for the first page of a pull request's comments."""
        ...

    def decode_comments(self, body: bytes) -> tuple[Comment, ...]:
        """Return the comments from one page of a pull request's comments."""
        ...

    def create_comment(self, number: int, text: str) -> ForgeRequest:
        """Return the request that creates a comment on a pull request."""
        ...

    def decode_comment(self, body: bytes) -> Comment:
        """Return the new comment from the response to its creation."""
        ...

    def edit_comment(self, number: int, comment_id: int, text: str) -> ForgeRequest:
        """Return the request that replaces the text of a comment."""
        ...

    def delete_comment(self, number: int, comment_id: int) -> ForgeRequest:
        """Return the request that deletes a comment."""
        ...

    def set_status(self, commit: str, status: CommitStatus) -> ForgeRequest:
        """Return the request that sets a commit status."""
        ...
