"""``decode``: reads the managed fields of one KubeVirt manifest, and checks their values."""

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
from reconciler.model.quoting import cut
from reconciler.model.references import FieldPath, ObjectRef, dotted
from reconciler.schema.violations import did_you_mean
from reconciler.source.manifests.manifest_objects import FileObject, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.source.yaml.nodes import Node

KNOWN_METHODS = ("LiveMigrate", "Evict")
"""The workload update methods that KubeVirt implements.

Source: kubevirt v1.9.0 staging/src/kubevirt.io/api/core/v1/types.go:2504,2511.
"""


def decode(manifest: Manifest, ref: ObjectRef, found: tuple[Diagnostic, ...]) -> FileObject:
    """Decode a KubeVirt manifest, and report problems that a schema cannot express.

    Args:
        manifest: The manifest after its schema check, without the values that the schema rejects.
        ref: The namespace and name of the KubeVirt CR.
        found: The problems that the schema check found.
    """
    settings = {
        each.path: value
        for each in KUBEVIRT_FIELDS
        if (node := manifest.node.find(each.path)) is not None
        and (value := setting(each.type, node.value)) is not None
    }
    named = ((), *settings, ("metadata",))
    return FileObject(
        desired=DesiredKubeVirt(ref=ref, settings=settings),
        places=manifest.places(named),
        diagnostics=(*found, *_findings(manifest)),
    )


def setting(kind: FieldType, value: object) -> SettingValue | None:
    """Convert a manifest value to a KubeVirt setting, or return None if its type is wrong."""
    try:
        return read_setting(kind, value)
    except QuantityError:
        return None


def _findings(manifest: Manifest) -> Iterator[Diagnostic]:
    yield from _contradicting_gates(manifest)
    yield from unknown_methods(manifest, UPDATE_METHODS)
    left_alone = tuple(_unmanaged(manifest.node, ("spec",)))
    if left_alone:
        yield manifest.report(
            Severity.NOTE,
            "not-managed",
            "reconciler does not manage these fields and leaves them unchanged: "
            f"{', '.join(dotted(path) for path in left_alone)}",
            left_alone[0],
            key=True,
        )


def _contradicting_gates(manifest: Manifest) -> Iterator[Diagnostic]:
    """Report feature gates that are both enabled and disabled, which KubeVirt rejects.

    Source: kubevirt v1.9.0 pkg/virt-operator/webhooks/kubevirt-update-admitter.go.
    """
    disabled = {gate: index for index, gate in _names(manifest.get(DISABLED_GATES))}
    for index, gate in _names(manifest.get(FEATURE_GATES)):
        if gate in disabled:
            place = manifest.at((*DISABLED_GATES, disabled[gate]))
            yield manifest.report(
                Severity.ERROR,
                "gate-disabled",
                f"the feature gate {cut(gate)} is in both featureGates and disabledFeatureGates",
                (*FEATURE_GATES, index),
                context=(f"the entry in disabledFeatureGates is at {place}",),
                hint="remove the feature gate from one of the two lists",
            )


def unknown_methods(manifest: Manifest, path: FieldPath) -> Iterator[Diagnostic]:
    """Warn about unknown workload update methods, which KubeVirt accepts but ignores.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/workload-updater/workload-updater.go:380-386.
    """
    for index, method in _names(manifest.get(path)):
        if method not in KNOWN_METHODS:
            yield manifest.report(
                Severity.WARNING,
                "unknown-method",
                f"{cut(method)} is not a workload update method, so KubeVirt ignores it",
                (*path, index),
                hint=did_you_mean(method, KNOWN_METHODS) or f"known: {', '.join(KNOWN_METHODS)}",
            )


def _unmanaged(node: Node, path: FieldPath) -> Iterator[FieldPath]:
    """Yield the manifest's unmanaged fields in file order; report a whole subtree only once."""
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
    """Return the strings in a list with their positions, and skip other list items."""
    found = enumerate(value) if isinstance(value, list) else ()
    return tuple((index, each) for index, each in found if isinstance(each, str))
