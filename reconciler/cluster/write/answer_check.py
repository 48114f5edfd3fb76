"""``unpatched``, ``uncreated``: check that a response contains the written values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model.fields import (
    FIELD_BY_PATH,
    GUEST_MAX_MEMORY,
    GUEST_MEMORY,
    INSTANCETYPE_NAME,
    FieldType,
    read_setting,
)
from reconciler.model.paths import MISSING, value_at
from reconciler.model.quantity import QuantityError
from reconciler.model.references import FieldPath, dotted
from reconciler.plan.kubevirt.owners.owner_table import owner_objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.plan.plan import PatchOp

_OWNED = {
    path: kind
    for each in owner_objects()
    for fields in each.fields.values()
    for path, kind in fields.items()
}
_TYPES = {**_OWNED, **{path: each.type for path, each in FIELD_BY_PATH.items()}} | {
    GUEST_MEMORY: FieldType.QUANTITY,
    GUEST_MAX_MEMORY: FieldType.QUANTITY,
}
_CREATED: tuple[FieldPath, ...] = (GUEST_MEMORY, INSTANCETYPE_NAME)


def unpatched(answer: Mapping[str, Any], patch: tuple[PatchOp, ...]) -> tuple[str, ...]:
    """Describe each patch operation whose result is missing from the response to the patch."""
    return tuple(
        sentence for op in patch if op.op != "test" for sentence in _unheld(dict(answer), op)
    )


def uncreated(answer: Mapping[str, Any], manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Describe how memory size and instancetype in the response differ from the manifest."""
    return tuple(
        sentence
        for path in _CREATED
        if (wanted := value_at(manifest, path)) is not None
        for sentence in _differences(path, wanted, value_at(answer, path))
    )


def _unheld(answer: dict[str, Any], op: PatchOp) -> Iterator[str]:
    path = _path(op.path)
    if op.op == "remove":
        if value_at(answer, path, MISSING) is not MISSING:
            yield f"{dotted(path)} still exists"
    elif path[-1] == "-":
        held = value_at(answer, path[:-1], MISSING)
        if not isinstance(held, list) or op.value not in held:
            yield f"{dotted(path[:-1])} does not contain {op.value}"
    else:
        yield from _differences(path, op.value, value_at(answer, path, MISSING))


def _differences(path: FieldPath, wanted: object, held: object) -> Iterator[str]:
    """Describe how an object differs from the expected object; ignore additional keys."""
    if isinstance(wanted, dict) and path not in _TYPES:
        for key, each in wanted.items():
            inner = held.get(key, MISSING) if isinstance(held, dict) else MISSING
            yield from _differences((*path, key), each, inner)
        if not wanted and not isinstance(held, dict):
            yield f"{dotted(path)} is absent"
    elif not _same(path, wanted, held):
        found = "absent" if held is MISSING or held is None else f"{held}"
        yield f"{dotted(path)} is {found}, not {wanted}"


def _same(path: FieldPath, wanted: object, held: object) -> bool:
    if path not in _TYPES:
        return wanted == held
    try:
        return read_setting(_TYPES[path], wanted) == read_setting(_TYPES[path], held)
    except QuantityError:
        return wanted == held


def _path(pointer: str) -> FieldPath:
    """Split a JSON Pointer (RFC 6901) into its keys."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
