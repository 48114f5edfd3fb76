"""``Forge``: API requests and responses that differ between GitHub, GitLab, Gitea and Forgejo."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.forge.forge_request import ForgeRequest


class State(StrEnum):
    """The states of a commit status, as GitHub names them; GitLab uses some different names."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStatus:
    """A commit status, which a Git host shows next to the commit and in the pull request."""

    state: State
    name: str
    """The name of the commit status; a new status with the same name replaces the old one."""
    description: str
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment on a pull request."""

    id: int
    author: str
    """The login name of the comment's author; the Git host sets it, so users cannot forge it."""
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """One entry in an API list of open pull requests."""

    number: int
    head: str
    """The hash of the pull request's last commit."""
    branch: str
    """The source branch of the pull request, without the owner; the branch can be in a fork."""


class Forge(Protocol):
    """Builds API requests for one project on a Git host (GitHub, …), and decodes API responses."""

    @property
    def default_base_url(self) -> str:
        """The API URL of the Git host's public server, or an empty string if none exists."""
        ...

    @property
    def default_author(self) -> str:
        """The login name of the bot that writes comments with a CI job token; empty if unknown."""
        ...

    @property
    def max_comment(self) -> int:
        """The maximum size of a pull request comment in bytes of UTF-8."""
        ...

    def headers(self, token: str) -> Mapping[str, str]:
        """Build the HTTP headers that every API request needs, including the access token."""
        ...

    def user(self) -> ForgeRequest:
        """Build the API request that reads the user to whom the access token belongs."""
        ...

    def user_name(self, body: bytes) -> str:
        """Parse the login name from the API response that describes the token's user."""
        ...

    def pull_request(self, number: int) -> ForgeRequest:
        """Build the API request that reads one pull request."""
        ...

    def head_commit(self, body: bytes) -> str:
        """Parse the hash of the last commit from the API response about a pull request."""
        ...

    def open_pull_requests(self, branch: str | None) -> ForgeRequest:
        """Build the API request that lists the project's open pull requests (first page).

        *branch*, such as OWNER:BRANCH, limits the list to pull requests from this branch if the
        Git host supports such a filter.
        """
        ...

    def decode_pull_requests(self, body: bytes) -> tuple[PullRequest, ...]:
        """Parse one page of the API's list of pull requests."""
        ...

    def comments(self, number: int) -> ForgeRequest:
        """Build the API request that lists the comments on a pull request (first page)."""
        ...

    def decode_comments(self, body: bytes) -> tuple[Comment, ...]:
        """Parse one page of the API's list of comments on a pull request."""
        ...

    def create_comment(self, number: int, text: str) -> ForgeRequest:
        """Build the API request that creates a comment on a pull request."""
        ...

    def decode_comment(self, body: bytes) -> Comment:
        """Parse the API response to the request that created a comment."""
        ...

    def edit_comment(self, number: int, comment_id: int, text: str) -> ForgeRequest:
        """Build the API request that replaces the text of a pull request comment."""
        ...

    def delete_comment(self, number: int, comment_id: int) -> ForgeRequest:
        """Build the API request that deletes a pull request comment."""
        ...

    def set_status(self, commit: str, status: CommitStatus) -> ForgeRequest:
        """Build the API request that sets the status of a commit."""
        ...
