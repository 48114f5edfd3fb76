"""``text``, ``child`` and others: read fields of custom resources from plain JSON values.

A field with an unexpected type counts as absent, so that other fields remain readable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model.paths import value_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.references import FieldPath


def child(found: object, key: str) -> dict[str, Any]:
    """Return the map under a key, or an empty map if the value is absent or is not a map."""
    value = found.get(key) if isinstance(found, dict) else None
    return value if isinstance(value, dict) else {}


def containers(found: object, paths: Iterable[FieldPath]) -> frozenset[FieldPath]:
    """Return the parent paths of the given fields that lead to a map in the object."""
    parents = {path[:length] for path in paths for length in range(1, len(path))}
    return frozenset(each for each in parents if isinstance(value_at(found, each), dict))


def managers(meta: dict[str, Any], paths: Iterable[FieldPath]) -> dict[FieldPath, str]:
    """Return the last field manager of each given field; skip fields without a manager."""
    entries = sorted(maps(meta, "managedFields"), key=lambda each: text(each, "time"))
    every = tuple(paths)
    return {
        path: text(entry, "manager")
        for entry in entries
        for path in every
        if value_at(entry.get("fieldsV1"), tuple(f"f:{key}" for key in path)) is not None
    }


def maps(found: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the maps in the list under a key; skip other items."""
    values = found.get(key)
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []


def text(found: dict[str, Any], key: str) -> str:
    """Return the string under a key, or an empty string if the value is not a string."""
    return string(found.get(key))


def texts(found: dict[str, Any], key: str) -> dict[str, str]:
    """Return the string values of the map under a key, such as labels; skip other values."""
    return {name: each for name, each in child(found, key).items() if isinstance(each, str)}


def string(value: object) -> str:
    """Return the value if it is a string; otherwise return an empty string."""
    return value if isinstance(value, str) else ""


def integer(value: object) -> int | None:
    """Return the value if it is an integer; otherwise return None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
