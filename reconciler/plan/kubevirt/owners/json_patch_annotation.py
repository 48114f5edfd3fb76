"""Reads and extends HyperConverged's annotation that contains a JSON Patch of the KubeVirt CR.

HyperConverged applies the annotation ``kubevirt.kubevirt.io/jsonpatch`` before it writes the
KubeVirt CR. Every path starts with ``/spec/``; the operator reports an error if the patch is
invalid.

Source: hyperconverged-cluster-operator docs/cluster-configuration.md ("jsonpatch Annotations").
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.model.fields import FEATURE_GATES, NameSet
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
    field = pointer(path)
    setting = [
        each
        for each in found
        if each["op"] != _TEST and (field == each["path"] or _below(field, each["path"]))
    ]
    return setting[-1] if setting else None


def added_gates(found: Sequence[dict[str, Any]]) -> frozenset[str]:
    """Return the feature gates that JSON Patch operations append to the KubeVirt CR's list."""
    path = f"{pointer(FEATURE_GATES)}/-"
    adding = (each for each in found if (each["op"], each["path"]) == ("add", path))
    return frozenset(str(each.get("value")) for each in adding)


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
    for added in _wanted(changes, kubevirt):
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


def _wanted(changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> Iterator[dict[str, Any]]:
    """Yield one ``add`` operation per field or feature gate; it also replaces existing fields."""
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
