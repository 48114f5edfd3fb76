"""``SignatureVerdict``: whether the signature on a commit or tag is accepted and, if not, why."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.revision.commit_in_force import RefusalReason


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureVerdict:
    """The result of checking the signature on a commit or tag."""

    problem: RefusalReason | None = None
    """Why the signature is not accepted, or None if it is accepted."""
    message: str = ""
    """Why the signature is not accepted, as a clause such as ``it is not signed``."""
    signer: str = ""
    """The name and the key of the signer, or an empty string if the signature is not accepted."""

    @property
    def accepted(self) -> bool:
        """Whether the signature is accepted."""
        return self.problem is None


def rejected(problem: RefusalReason, message: str) -> SignatureVerdict:
    """Create the verdict for a signature that is not accepted."""
    return SignatureVerdict(problem=problem, message=message)
