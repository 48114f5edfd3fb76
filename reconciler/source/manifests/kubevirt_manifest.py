"""Decodes one KubeVirt manifest by the table of managed fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.fields import (
    CONFIGURATION,
    DISABLED_GATES,
    FEATURE_GATES,
    FIELD_BY_PATH,
    KUBEVIRT_FIELDS,
    UPDATE_METHODS,
    FieldType,
    SettingValue,
    read_setting,
)
from reconciler.model.quantity import QuantityError
from reconciler.model.references import FieldPath, ObjectRef, dotted
from reconciler.schema.violations import did_you_mean
from reconciler.source.manifests.manifest_objects import FileObject, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.source.yaml.nodes import Node

KNOWN_METHODS = ("LiveMigrate", "Evict")
"""Source: kubevirt v1.9.0 staging/src/kubevirt.io/api/core/v1/types.go:2504,2511."""


def decode(manifest: Manifest, ref: ObjectRef, found: tuple[Diagnostic, ...]) -> FileObject:
    """The CR, with *found* and what its own rules find.

    Args:
        manifest: Checked against the schema; a value that it does not allow is left out here.
        ref: Its identity.
        found: What the schema found.
    """
    settings = {
        each.path: value
        for each in KUBEVIRT_FIELDS
        if (node := manifest.node.find(each.path)) is not None
        and (value := _setting(each.type, node.value)) is not None
    }
    named = ((), *settings, ("metadata",))
    return FileObject(
        desired=DesiredKubeVirt(ref=ref, settings=settings),
        places=manifest.places(named),
        diagnostics=(*found, *_findings(manifest)),
    )


def _setting(kind: FieldType, value: object) -> SettingValue | None:
    """*value* as *kind*; None where it has another form, which the schema check has reported."""
    try:
        return read_setting(kind, value)
    except QuantityError:
        return None


def _findings(manifest: Manifest) -> Iterator[Diagnostic]:
    yield from _contradicting_gates(manifest)
    yield from _unknown_methods(manifest)
    left_alone = tuple(_unmanaged(manifest.node, ("spec",)))
    if left_alone:
        yield manifest.report(
            Severity.NOTE,
            "not-managed",
            f"left as the cluster has them: {', '.join(dotted(path) for path in left_alone)}",
            left_alone[0],
            key=True,
        )


def _contradicting_gates(manifest: Manifest) -> Iterator[Diagnostic]:
    """A gate in both lists is denied.

    Source: kubevirt v1.9.0 pkg/virt-operator/webhooks/kubevirt-update-admitter.go.
    """
    disabled = {gate: index for index, gate in _names(manifest.get(DISABLED_GATES))}
    for index, gate in _names(manifest.get(FEATURE_GATES)):
        if gate in disabled:
            place = manifest.at((*DISABLED_GATES, disabled[gate]))
            yield manifest.report(
                Severity.ERROR,
                "gate-disabled",
                f"the feature gate {gate} is in featureGates and in disabledFeatureGates",
                (*FEATURE_GATES, index),
                context=(f"disabledFeatureGates names it at {place}",),
                hint="remove it from one of the two lists",
            )


def _unknown_methods(manifest: Manifest) -> Iterator[Diagnostic]:
    """KubeVirt takes any text here and ignores what it does not know.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/workload-updater/workload-updater.go:380-386.
    """
    for index, method in _names(manifest.get(UPDATE_METHODS)):
        if method not in KNOWN_METHODS:
            yield manifest.report(
                Severity.WARNING,
                "unknown-method",
                f"{method} is no workload update method that KubeVirt knows; it ignores it",
                (*UPDATE_METHODS, index),
                hint=did_you_mean(method, KNOWN_METHODS) or f"known: {', '.join(KNOWN_METHODS)}",
            )


def _unmanaged(node: Node, path: FieldPath) -> Iterator[FieldPath]:
    """The shortest paths below *path* that hold no managed field, in the file's order."""
    here = node.find(path)
    for key in here.value if here and isinstance(here.value, dict) else ():
        below = (*path, key)
        if below in FIELD_BY_PATH or below == CONFIGURATION[:1]:
            continue
        if any(each.path[: len(below)] == below for each in KUBEVIRT_FIELDS):
            yield from _unmanaged(node, below)
        else:
            yield below


def _names(value: object) -> tuple[tuple[int, str], ...]:
    """The texts of a list with their positions; the schema's check has reported the rest."""
    found = enumerate(value) if isinstance(value, list) else ()
    return tuple((index, each) for index, each in found if isinstance(each, str))
