"""A message for people: ``Diagnostic``, with code, location, object and hint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.references import Location, ObjectRef

UNREADABLE_OBJECT = "unreadable-object"
"""Code of the finding on an unreadable object of the cluster."""


class Severity(StrEnum):
    """The severity of a diagnostic; an error makes the desired state invalid."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding."""

    severity: Severity
    code: str
    """Stable kebab-case name of the rule."""
    message: str
    """A sentence with the values, without a final full stop."""
    at: Location | None = None
    ref: ObjectRef | None = None
    context: tuple[str, ...] = ()
    """Further locations or facts, one line each."""
    hint: str = ""
    """What the user can do about it."""

    def __str__(self) -> str:
        where = f"{self.at}: " if self.at else ""
        what = f"{self.ref}: " if self.ref else ""
        lines = [f"{where}{self.severity}[{self.code}] {what}{self.message}"]
        lines += [f"  {line}" for line in self.context]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)
