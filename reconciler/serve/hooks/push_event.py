"""``Delivery`` and ``PushEvent``: the content of a webhook request, and a push that it reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scheme(StrEnum):
    """The kind of sender of a webhook request, and the last segment of the request's URL path."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    FORGEJO = "forgejo"
    BITBUCKET = "bitbucket"
    GENERIC = "generic"
    STANDARD = "standard"


class EventKind(StrEnum):
    """The kind of event that a webhook request reports."""

    PUSH = "push"
    PING = "ping"
    """The Git host tests whether the webhook works."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRef:
    """A branch or tag that a push created, moved or deleted."""

    name: str
    """The full ref name, such as ``refs/heads/main``."""
    commit: str = ""
    """The commit after the push, or an empty string if the webhook request does not contain it."""
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The decoded content of a webhook request with a valid signature."""

    kind: EventKind
    repository: str = ""
    """The repository path, such as ``owner/name``, or an empty string if it is not specified."""
    default_branch: str = ""
    """The repository's default branch, or an empty string if it is not specified."""
    refs: tuple[PushedRef, ...] = ()
    """The pushed branches and tags in the webhook request, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEvent:
    """A push to the branch or tag that ``serve`` applies."""

    scheme: Scheme
    commit: str = ""
    """The commit after the push, or an empty string if the webhook request does not contain it.

    The commit is only displayed: what is applied always comes from the repository itself.
    """
