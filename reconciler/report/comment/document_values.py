"""Formats values of a JSON plan or a JSON run report, such as locations and memory sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model.quantity import MemoryQuantity, QuantityError, canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

VM = "VirtualMachine"
MEMORY_FIELD = "spec.template.spec.domain.memory.guest"


def qualified_name(each: Mapping[str, Any]) -> str:
    """Return an object's ``namespace/name``, with the kind in front if the object is not a VM."""
    name = f"{each['namespace']}/{each['name']}" if each["namespace"] else str(each["name"])
    return name if each["kind"] == VM else f"{each['kind']} {name}"


def location_text(at: Mapping[str, Any] | None) -> str:
    """Format a location as ``path:line:column``, or '' if the value is not in Git."""
    return f"{at['path']}:{at['line']}:{at['column']}" if at else ""


def value_text(value: object, *, memory: bool = False) -> str:
    """Format a value as in Git; if *memory* is true, format a number of bytes with a unit."""
    match value:
        case None:
            return "(not set)"
        case bool():
            return str(value).lower()
        case int() if memory:
            return canonical(value)
        case list():
            return f"[{', '.join(map(str, value))}]"
        case _:
            return str(value)


def sizes(each: Mapping[str, Any]) -> tuple[str, str]:
    """Return the old and new value of the first changed field or, if none changes, the memory."""
    if each["changes"]:
        change = each["changes"][0]
        memory = change["field"] == MEMORY_FIELD
        before = "-" if change["from"] is None else value_text(change["from"], memory=memory)
        return before, value_text(change["to"], memory=memory)
    both = (each["guest"], each["target"])
    before, after = ("-" if value is None else value_text(value, memory=True) for value in both)
    return before, after


def added_bytes(each: Mapping[str, Any]) -> int:
    """Return how many bytes of memory a plan adds to a VM (negative if the memory shrinks)."""
    if not each["actions"]:
        return 0
    sized = [change for change in each["changes"] if change["field"] == MEMORY_FIELD]
    before, after = (
        (sized[0]["from"], sized[0]["to"]) if sized else (each["guest"], each["target"])
    )
    if before is None:
        before = each["guest"]
    return _bytes(after) - _bytes(before) if after is not None else 0


def _bytes(value: object) -> int:
    """Parse a memory size into bytes; return 0 if the size is missing or malformed."""
    try:
        return 0 if value is None else MemoryQuantity.parse(value).n_bytes
    except QuantityError:
        return 0
