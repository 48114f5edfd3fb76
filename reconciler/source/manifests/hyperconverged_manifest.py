"""``decode``: reads the managed fields of one HyperConverged manifest.

The result has the field paths of the KubeVirt CR, because the HyperConverged operator copies these
fields to the KubeVirt CR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.fields import FIELD_BY_PATH, UPDATE_METHODS
from reconciler.model.references import FieldPath, dotted
from reconciler.plan.kubevirt.owners.hyperconverged_fields import HOMES, VERSIONS
from reconciler.source.manifests.kubevirt_manifest import setting, unknown_methods
from reconciler.source.manifests.manifest_objects import FileObject, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.references import ObjectRef
    from reconciler.source.yaml.nodes import Node


def decode(manifest: Manifest, ref: ObjectRef, found: tuple[Diagnostic, ...]) -> FileObject:
    """Decode a HyperConverged manifest, and report problems that a schema cannot express.

    Args:
        manifest: The manifest after its schema check, without the values that the schema rejects.
        ref: The API version, kind, namespace and name of the HyperConverged.
        found: The problems that the schema check found.
    """
    homes = _homes(manifest)
    settings = {
        path: value
        for path, home in homes.items()
        if (node := manifest.node.find(home)) is not None
        and (value := setting(FIELD_BY_PATH[path].type, node.value)) is not None
    }
    own = manifest.places([(), ("metadata",), *homes.values()])
    places = {path: own[home] for path, home in homes.items() if path in settings}
    places |= {path: own[path] for path in ((), ("metadata",)) if path in own}
    return FileObject(
        desired=DesiredKubeVirt(ref=ref, settings=settings),
        places=places,
        diagnostics=(*found, *_findings(manifest, homes)),
    )


def _homes(manifest: Manifest) -> dict[FieldPath, FieldPath]:
    """Map each managed field of the KubeVirt CR to the HyperConverged field that sets it."""
    version = str(manifest.get(("apiVersion",))).rpartition("/")[2]
    known = HOMES[version if version in VERSIONS else VERSIONS[0]]
    return {path: home.path for path, home in known.items()}


def _findings(manifest: Manifest, homes: dict[FieldPath, FieldPath]) -> Iterator[Diagnostic]:
    yield from unknown_methods(manifest, homes[UPDATE_METHODS])
    left_alone = tuple(_unmanaged(manifest.node, ("spec",), frozenset(homes.values())))
    if left_alone:
        yield manifest.report(
            Severity.NOTE,
            "not-managed",
            "reconciler does not manage these fields and leaves them unchanged: "
            f"{', '.join(dotted(path) for path in left_alone)}",
            left_alone[0],
            key=True,
        )


def _unmanaged(node: Node, path: FieldPath, managed: frozenset[FieldPath]) -> Iterator[FieldPath]:
    """Yield the manifest's unmanaged fields in file order; report a whole subtree only once."""
    here = node.find(path)
    for key in here.value if here and isinstance(here.value, dict) else ():
        below = (*path, key)
        if below in managed:
            continue
        if any(each[: len(below)] == below for each in managed):
            yield from _unmanaged(node, below, managed)
        else:
            yield below
