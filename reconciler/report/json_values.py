"""Converts values that several JSON documents contain, such as locations, times and sizes."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from reconciler.model.fields import NameSet, SettingValue
from reconciler.model.quantity import Duration, MemoryQuantity

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.references import Location, ObjectRef

API_VERSION = "reconciler/v1alpha1"


def diagnostic_document(diagnostic: Diagnostic) -> dict[str, Any]:
    """Convert a reported problem to JSON values."""
    return {
        "severity": str(diagnostic.severity),
        "code": diagnostic.code,
        "message": diagnostic.message,
        "at": location(diagnostic.at),
        "object": identity(diagnostic.ref) if diagnostic.ref else None,
        "context": list(diagnostic.context),
        "hint": diagnostic.hint,
    }


def identity(ref: ObjectRef) -> dict[str, Any]:
    """Convert an object's kind, namespace and name to JSON values."""
    return {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def timestamp(at: datetime) -> str:
    """Format a time in UTC according to RFC 3339, with milliseconds if they are not zero."""
    precision = "milliseconds" if at.microsecond else "seconds"
    return at.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def plain(value: SettingValue | None) -> Any:  # noqa: ANN401 - a JSON value has no narrower type
    """Convert a setting's value to JSON, as it is written in Git or the cluster."""
    match value:
        case NameSet():
            return list(value.raw)
        case MemoryQuantity() | Duration():
            return value.raw
        case _:
            return value


def number(value: float) -> float | int:
    """Round a number to three decimal places, and convert a whole number to an integer."""
    rounded = round(value, 3)
    return int(rounded) if rounded == int(rounded) else rounded


def location(at: Location | None) -> dict[str, Any] | None:
    """Convert a location in a file to JSON values, or return None if no location is given."""
    return None if at is None else {"path": at.path, "line": at.line, "column": at.column}
