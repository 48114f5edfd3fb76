"""``CommitInForce``: the commit that is applied, and the newer commits that are rejected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from reconciler.model.references import Location

MAX_ANCESTORS = 50
"""The maximum number of first-parent steps back from the newest commit."""


class RefusalReason(StrEnum):
    """The reasons why a commit is not applied; the values are diagnostic codes."""

    INVALID_CONFIG = "invalid-config"
    UNSIGNED = "unsigned"
    BAD = "bad-signature"
    """The signature does not belong to the commit: one of the two was changed."""
    UNKNOWN_SIGNER = "unknown-signer"
    EXPIRED = "expired-signature"
    """The signature or its key has expired, or the key is not valid yet."""
    REVOKED = "revoked-key"
    WRONG_NAMESPACE = "wrong-namespace"
    """The SSH signature or the SSH key is for another purpose than Git."""
    WEAK = "weak-signature"
    """The signature uses a hash algorithm for which collisions are known."""
    UNSUPPORTED = "unsupported-signature"
    """The signature is of another kind, such as X.509, or there is more than one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCommit:
    """A commit that is not applied, with the reason."""

    commit: str
    reason: RefusalReason
    message: str
    """The reason as a clause, such as ``it is not signed``."""
    at: Location | None = None
    """The first mistake in the configuration of the commit, if that is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInForce:
    """The newest acceptable commit of a revision, which is the commit that is applied."""

    revision: str
    """The branch, tag or hash that was requested."""
    newest: str
    """The commit that the revision refers to."""
    commit: str | None
    """The commit that is in force; None if no commit is acceptable."""
    behind: int = 0
    """How many first-parent steps the commit is behind the newest one."""
    signer: str = ""
    """Who signed the commit or its tag; empty if signatures are not checked."""
    refused: tuple[RefusedCommit, ...] = ()
    """The newer commits, the newest first."""


class History(Protocol):
    """The history of the requested revision."""

    @property
    def is_fixed(self) -> bool:
        """Whether the revision always refers to the same commit, as a tag or a hash does."""
        ...

    def contains(self, commit: str) -> bool:
        """Return whether the newest commit is *commit*, or descends from it.

        Raises:
            SourceError: The history cannot be fetched.
        """
        ...
