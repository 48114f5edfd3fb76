"""``Cause``: one event or one problem that a person should know about, and its identity."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from reconciler.model.references import ObjectRef
from reconciler.model.service.notification import NotificationKind, NotificationSeverity


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One event or one problem that is reported once."""

    key: str
    """The identity of the cause as a text; equal as long as the cause is the same."""
    kind: NotificationKind
    severity: NotificationSeverity
    reason: str
    ref: ObjectRef | None = None
    """The affected object; None for a run, a commit and the repository."""
    title: str = ""
    """One line for a cause without an object."""
    message: str
    hint: str = ""
    lasting: bool = True
    revision: str = ""
    run_id: str = ""

    @property
    def id(self) -> str:
        """A short digest of the cause's kind and key."""
        return cause_id(f"{self.kind} {self.key}")


def cause_id(text: str) -> str:
    """Return the identifier of a cause: 16 hexadecimal digits."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
