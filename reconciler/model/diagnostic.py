"""What a person should know: one message with its code, place, object and hint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.references import Location, ObjectRef

UNREADABLE_OBJECT = "unreadable-object"
"""Code of the finding on an object of the cluster that was left out, under its reference."""


class Severity(StrEnum):
    """How much a diagnostic matters; an error makes the desired state invalid."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding, rendered alike as text, JSON and annotation."""

    severity: Severity
    code: str
    """Stable kebab-case name of the rule."""
    message: str
    """A sentence with the values; no final full stop."""
    at: Location | None = None
    ref: ObjectRef | None = None
    context: tuple[str, ...] = ()
    """Further places or facts, one line each."""
    hint: str = ""
    """What to do about it."""

    def __str__(self) -> str:
        where = f"{self.at}: " if self.at else ""
        what = f"{self.ref}: " if self.ref else ""
        lines = [f"{where}{self.severity}[{self.code}] {what}{self.message}"]
        lines += [f"  {line}" for line in self.context]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)
