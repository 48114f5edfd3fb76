"""Finds the field manager of each setting in an object from which an operator writes the CR.

virt-platform-autopilot applies the HyperConverged object with force. Annotations of the object can
tell the autopilot to ignore the object or some fields, which the reconciler can then write. The
autopilot's annotation ``disabled-resources`` is not read, because its format differs between
releases.

Source: openshift-virtualization/virt-platform-autopilot ff223018de (2026-08-21),
pkg/overrides/validation.go and jsonpointer.go, and its README; kubernetes v1.36
staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go (ManagedFieldsEntry: each entry has the
field paths of its own API version, because they cannot be converted).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from reconciler.cluster.decode.json_fields import managers, maps, text, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.model.references import FieldPath

_OPTED_OUT = {"platform.kubevirt.io/mode": "unmanaged", "platform.kubevirt.io/autopilot": "false"}
"""The annotations that end all writes to the object, and their values."""
_IGNORED = "platform.kubevirt.io/ignore-fields"
"""The annotation with the JSON Pointers, separated by commas, of the fields to ignore."""


def owner_field_managers(
    meta: dict[str, Any],
    paths: tuple[FieldPath, ...],
    forced: str,
    by_version: Mapping[str, Iterable[FieldPath]] = MappingProxyType({}),
) -> Mapping[FieldPath, str]:
    """Return the field manager that determines each setting; skip fields without a manager.

    Args:
        meta: The ``metadata`` of the object.
        paths: The settings to look up.
        forced: The manager that applies the object with force, and so determines its settings even
            if another manager has written them later; empty if no manager uses force.
        by_version: The paths of the settings in other API versions, in the order of *paths*.
    """
    entries = maps(meta, "managedFields")
    own = [each for each in entries if forced and text(each, "manager") == forced]
    others = [each for each in entries if each not in own]
    annotations = texts(meta, "annotations")
    found: dict[FieldPath, str] = {}
    for entry in (*_by_time(others), *_by_time(own)):
        written = by_version.get(text(entry, "apiVersion"), paths)
        read = dict(zip(written, paths, strict=True))
        yielded = _yielded(annotations, read) if entry in own else ()
        for path, manager in managers({"managedFields": [entry]}, read).items():
            if path not in yielded:
                found[read[path]] = manager
    return found


def _by_time(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda each: text(each, "time"))


def _yielded(annotations: Mapping[str, str], paths: Iterable[FieldPath]) -> AbstractSet[FieldPath]:
    """Return the settings that the object's annotations tell the forced manager to ignore.

    JSON Pointers and *paths* both refer to the API version in which the manager applies the
    object. A pointer that does not start with a slash makes the autopilot fail, so it is ignored.
    """
    if any(annotations.get(name) == value for name, value in _OPTED_OUT.items()):
        return frozenset(paths)
    listed = (each.strip() for each in annotations.get(_IGNORED, "").split(","))
    ignored = [
        tuple(key.replace("~1", "/").replace("~0", "~") for key in each[1:].split("/"))
        for each in listed
        if each.startswith("/")
    ]
    return {path for path in paths for each in ignored if path[: len(each)] == each}
