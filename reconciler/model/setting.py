"""Reads one managed field by its type, as Kubernetes holds it; pure."""

from __future__ import annotations

from reconciler.model.fields import FieldType, NameSet, SettingValue
from reconciler.model.quantity import Duration, MemoryQuantity, QuantityError


def read_setting(kind: FieldType, raw: object) -> SettingValue:
    """*raw*, a JSON value, as a field of type *kind*.

    Raises:
        QuantityError: It is of another type, or no quantity or duration; the text says which.
    """
    match kind, raw:
        case ((FieldType.GATES | FieldType.NAMES), list()):
            if all(isinstance(each, str) for each in raw):
                return NameSet.of(tuple(raw))
        case FieldType.WORD, str():
            return raw
        case FieldType.BOOLEAN, bool():
            return raw
        case FieldType.INTEGER, int() if not isinstance(raw, bool):
            return raw
        case FieldType.QUANTITY, _:
            return MemoryQuantity.parse(raw)
        case FieldType.DURATION, _:
            return Duration.parse(raw)
    expected = {
        FieldType.GATES: "a list of names",
        FieldType.NAMES: "a list of names",
        FieldType.WORD: "a word",
        FieldType.BOOLEAN: "true or false",
        FieldType.INTEGER: "a whole number",
    }
    raise QuantityError(f"{raw!r} is not {expected.get(kind, kind)}")
