"""``Delivery``: the content of an authentic webhook; ``PushEvent``: a push to the branch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scheme(StrEnum):
    """How a sender of webhooks proves its identity; also the last part of the path."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    FORGEJO = "forgejo"
    BITBUCKET = "bitbucket"
    GENERIC = "generic"
    STANDARD = "standard"


class EventKind(StrEnum):
    """What a webhook reports."""

    PUSH = "push"
    PING = "ping"
    """A test of the webhook."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRef:
    """A branch or tag that a push has created, moved or deleted."""

    name: str
    """The full name, such as ``refs/heads/main``."""
    commit: str = ""
    """The commit after the push; empty if the webhook does not name it."""
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The content of an authentic webhook."""

    kind: EventKind
    repository: str = ""
    """The path of the repository, such as ``owner/name``; empty if the webhook names none."""
    default_branch: str = ""
    """The name of the repository's default branch; empty if the webhook does not name it."""
    refs: tuple[PushedRef, ...] = ()
    """The branches and tags of a push; empty if the webhook names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEvent:
    """A push to the branch or tag that the process reads."""

    scheme: Scheme
    commit: str = ""
    """The commit after the push; empty if the webhook does not name it.

    The process only shows it: what is applied always comes from the repository itself.
    """
