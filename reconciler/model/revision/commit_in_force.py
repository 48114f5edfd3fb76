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
    """The signature does not match the commit: the commit or the signature was altered."""
    UNKNOWN_SIGNER = "unknown-signer"
    EXPIRED = "expired-signature"
    """The signature or its key has expired, or the key is not valid yet."""
    REVOKED = "revoked-key"
    WRONG_NAMESPACE = "wrong-namespace"
    """The SSH signature or the SSH key was made for a purpose other than Git."""
    WEAK = "weak-signature"
    """The signature uses a weak hash algorithm, for which collisions are known."""
    UNSUPPORTED = "unsupported-signature"
    """The signature's type, such as X.509, is not supported, or there are several signatures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCommit:
    """A commit that is not applied, with the reason."""

    commit: str
    reason: RefusalReason
    message: str
    """The reason as a clause, such as ``it is not signed``."""
    at: Location | None = None
    """The location of the first error in the commit's configuration, if that is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInForce:
    """The newest acceptable commit of a branch, tag or hash, which is the applied commit."""

    revision: str
    """The branch, tag or hash that was requested."""
    newest: str
    """The commit that the revision refers to."""
    commit: str | None
    """The commit to apply; None if no commit is acceptable."""
    behind: int = 0
    """The number of first-parent steps from the newest commit back to this commit."""
    signer: str = ""
    """The signer of the commit or its tag; empty if signatures are not checked."""
    refused: tuple[RefusedCommit, ...] = ()
    """The rejected newer commits, the newest first."""


class History(Protocol):
    """The commit history of the requested branch, tag or hash."""

    @property
    def is_fixed(self) -> bool:
        """Whether the revision always refers to the same commit, as a tag or a hash does."""
        ...

    def contains(self, commit: str) -> bool:
        """Return whether *commit* was the newest commit, or is part of the commit in force.

        Raises:
            SourceError: The history cannot be fetched.
        """
        ...
