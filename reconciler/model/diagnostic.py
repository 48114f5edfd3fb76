"""``Diagnostic``: a message to the user, with its code, location, object and hint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.references import Location, ObjectRef

UNREADABLE_OBJECT = "unreadable-object"
"""The diagnostic code for a cluster object that cannot be read."""
OWNER_UNREADABLE = "owner-unreadable"
"""The code for an unreadable object from which an operator generates the KubeVirt CR."""


class Severity(StrEnum):
    """How severe a diagnostic is; an error makes the desired state invalid."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """A problem or a note that is reported to the user."""

    severity: Severity
    code: str
    """The stable name of the diagnostic, in kebab case."""
    message: str
    """A sentence that quotes the affected values, without a final full stop."""
    at: Location | None = None
    ref: ObjectRef | None = None
    context: tuple[str, ...] = ()
    """Further locations or facts about the problem, one line each."""
    hint: str = ""
    """What the user can do about the problem."""


def warning(code: str, message: str, hint: str = "") -> Diagnostic:
    """Create a warning without a location in Git."""
    return Diagnostic(severity=Severity.WARNING, code=code, message=message, hint=hint)
