"""``CommitInForce``: the commit that is applied, and the newer commits that are rejected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from reconciler.model.references import Location

MAX_ANCESTORS = 50
"""The maximum number of first-parent commits to search, back from the newest commit."""


class RefusalReason(StrEnum):
    """The reasons to reject a commit; the values are diagnostic codes."""

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
    """The type of the signature, such as X.509, is not supported; or it has several signatures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCommit:
    """A rejected commit, with the reason why it is not applied."""

    commit: str
    reason: RefusalReason
    message: str
    """The reason for the rejection as a clause, such as ``it is not signed``."""
    at: Location | None = None
    """The location of the configuration error for which the commit is rejected, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInForce:
    """The applied commit: the newest one that passes all checks, such as the signature check."""

    revision: str
    """The branch, tag or hash that was requested."""
    newest: str
    """The commit to which the requested branch, tag or hash refers."""
    commit: str | None
    """The commit to apply; None if no commit passes all checks, such as the signature check."""
    behind: int = 0
    """The number of first-parent steps from the newest commit back to the applied commit."""
    signer: str = ""
    """The signer of the commit or of its tag; empty if signatures are not checked."""
    refused: tuple[RefusedCommit, ...] = ()
    """The rejected commits that are newer than the applied commit, newest first."""


class History(Protocol):
    """The commit history of the requested branch, tag or hash."""

    @property
    def is_fixed(self) -> bool:
        """Whether the requested revision is a tag or a hash, and not a branch."""
        ...

    def contains(self, commit: str) -> bool:
        """Return whether a commit belongs to the applied history.

        This is true for the commits in the history of the applied commit, and for each commit that
        was ever the newest commit of the branch.

        Raises:
            SourceError: The history cannot be fetched.
        """
        ...
