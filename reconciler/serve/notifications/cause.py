"""``Cause``: an event or a problem about which users are notified once."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from reconciler.model.references import ObjectRef
from reconciler.model.service.notification import NotificationKind, NotificationSeverity


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """An event or a problem about which users are notified once."""

    key: str
    """A string that identifies the event or problem; it stays the same while the problem lasts."""
    kind: NotificationKind
    severity: NotificationSeverity
    reason: str
    ref: ObjectRef | None = None
    """The affected object, or None if the cause is a rollout, a commit or the repository."""
    title: str = ""
    """A one-line title, for a cause that does not affect a single object."""
    message: str
    hint: str = ""
    lasting: bool = True
    after: str = ""
    """The identifier of an event that must be reported before this event, or an empty string."""
    revision: str = ""
    run_id: str = ""

    @property
    def id(self) -> str:
        """A short digest of the kind and the key of the cause."""
        return cause_id(f"{self.kind} {self.key}")


def cause_id(text: str) -> str:
    """Return the identifier of a notification cause: 16 hexadecimal digits."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
