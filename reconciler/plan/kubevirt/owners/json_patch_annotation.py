"""Reads and extends HyperConverged's annotation that contains a JSON Patch of the KubeVirt CR.

HyperConverged applies the annotation ``kubevirt.kubevirt.io/jsonpatch`` before it writes the
KubeVirt CR. Every path starts with ``/spec/``; the operator reports an error if the patch is
invalid.

Source: hyperconverged-cluster-operator docs/cluster-configuration.md ("jsonpatch Annotations").
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from reconciler.model.fields import FEATURE_GATES, NameSet
from reconciler.model.paths import value_at
from reconciler.model.references import pointer
from reconciler.plan.behaviour.effective_config import spelled
from reconciler.plan.patches import additions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.live.live_state import LiveKubeVirt
    from reconciler.model.plan.plan import Change
    from reconciler.model.references import FieldPath

ANNOTATION = "kubevirt.kubevirt.io/jsonpatch"
_TEST = "test"
"""The JSON Patch operation that makes the whole patch fail if a value differs."""
_VALUED = frozenset({"add", "replace"})
"""The JSON Patch operations that set the value in their field ``value``."""


def operations(text: str | None) -> list[dict[str, Any]] | None:
    """Parse the annotation's JSON Patch operations; return None if they are invalid."""
    if not text:
        return []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    valid = all(
        isinstance(each, dict)
        and isinstance(each.get("op"), str)
        and isinstance(each.get("path"), str)
        for each in found
    )
    return found if valid else None


def setting_of(found: Sequence[dict[str, Any]], path: FieldPath) -> dict[str, Any] | None:
    """Return the last operation that sets a field of the KubeVirt CR or one of its parents.

    A ``test`` operation sets no field.
    """
    position = _position(found, path)
    return None if position is None else found[position]


def _position(found: Sequence[dict[str, Any]], path: FieldPath) -> int | None:
    field = pointer(path)
    setting = [
        number
        for number, each in enumerate(found)
        if each["op"] != _TEST and (field == each["path"] or _below(field, each["path"]))
    ]
    return setting[-1] if setting else None


def value_in(setting: dict[str, Any], path: FieldPath) -> object:
    """Return the value that an operation on a field or its parent sets for the field, or None."""
    return value_at(setting.get("value"), _relative(setting, path))


def changeable(setting: dict[str, Any], path: FieldPath) -> bool:
    """Return whether an operation that sets a field can be edited to set another value.

    An operation on a parent field can be edited if its value has a JSON object for the field.
    """
    if setting["path"] == pointer(path):
        return True
    below = _relative(setting, path)
    parents = (value_at(setting.get("value"), below[:n], {}) for n in range(len(below)))
    return setting["op"] in _VALUED and all(isinstance(each, dict) for each in parents)


def _relative(setting: dict[str, Any], path: FieldPath) -> FieldPath:
    """Return the part of a field path below the path of an operation."""
    return path[setting["path"].count("/") :]


def added_gates(found: Sequence[dict[str, Any]]) -> frozenset[str]:
    """Return the feature gates that JSON Patch operations add to the KubeVirt CR."""
    path = f"{pointer(FEATURE_GATES)}/-"
    names = [each.get("value") for each in found if (each["op"], each["path"]) == ("add", path)]
    setting = setting_of(found, FEATURE_GATES)
    listed = value_in(setting, FEATURE_GATES) if setting is not None else None
    return frozenset(map(str, [*names, *(listed if isinstance(listed, list) else ())]))


def _below(field: str, parent: str) -> bool:
    return field.startswith(parent + "/")


def extended(text: str | None, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> str:
    """Add changes to an annotation's JSON Patch, and keep its other operations.

    Args:
        text: A valid annotation, or None.
        changes: The changes to fields of the KubeVirt CR.
        kubevirt: The KubeVirt CR as the operator writes it.
    """
    found = list(operations(text) or [])
    apart = tuple(each for each in changes if not _merged(found, each))
    for added in _wanted(apart, kubevirt):
        same = [n for n, each in enumerate(found) if each["path"] == added["path"]]
        # A new value before a ``test`` of the old value would make the whole patch fail.
        tested = bool(same) and found[same[-1]]["op"] == _TEST
        if added["path"].endswith("/-"):
            if added not in found:
                found.append(added)
        elif same and not tested:
            found[same[-1]] = added
        else:
            found.append(added)
    return json.dumps(found, separators=(",", ":"))


def _merged(found: list[dict[str, Any]], change: Change) -> bool:
    """Merge a change into the JSON Patch operation on a parent field; return False if impossible.

    If a later operation tests the old value, the change is added as a separate operation.
    """
    position = _position(found, change.field)
    if position is None:
        return False
    setting, field = found[position], pointer(change.field)
    if setting["path"] == field or not changeable(setting, change.field):
        return False
    below = _relative(setting, change.field)
    value = parent = copy.deepcopy(setting["value"])
    for key in below[:-1]:
        parent = parent.setdefault(key, {})
    parent[below[-1]] = _value(change, parent.get(below[-1]))
    if any(each["op"] == _TEST and _overlap(each["path"], field) for each in found[position:]):
        # The operation replaces the top-level key of the tested value, so that its parent exists.
        path = f"{setting['path']}{pointer(below[:1])}"
        found.append({"op": "add", "path": path, "value": value[below[0]]})
    else:
        found[position] = {**setting, "value": value}
    return True


def _value(change: Change, old: object) -> object:
    """Return the new value of a field; feature gates that the annotation lists are kept."""
    if isinstance(change.after, NameSet) and change.field == FEATURE_GATES:
        before = change.before.names if isinstance(change.before, NameSet) else frozenset()
        if isinstance(old, list):
            return [*old, *(n for n in change.after.raw if n not in before and n not in old)]
    return spelled(change.after)


def _overlap(one: str, other: str) -> bool:
    return one == other or _below(one, other) or _below(other, one)


def _wanted(changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> Iterator[dict[str, Any]]:
    """Yield one ``add`` operation per field or feature gate; ``add`` also replaces a field."""
    absent: list[Change] = []
    for change in changes:
        if change.field not in kubevirt.spellings:
            absent.append(change)
        elif change.field == FEATURE_GATES and isinstance(change.after, NameSet):
            before = change.before.names if isinstance(change.before, NameSet) else frozenset()
            for name in change.after.raw:
                if name not in before:
                    yield {"op": "add", "path": f"{pointer(change.field)}/-", "value": name}
        else:
            path, value = pointer(change.field), spelled(change.after)
            yield {"op": "add", "path": path, "value": value}
    yield from (each.plain() for each in additions(kubevirt.containers, absent))
