"""``with_namespace``: sets a default namespace on VMs whose manifests have no namespace."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.model.desired.desired_state import DesiredVM
from reconciler.source.manifests.compact_manifest import compact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.source.manifests.manifest_objects import FileObject, FileResult


def with_namespace(result: FileResult, namespace: str | None) -> FileResult:
    """Set a namespace on each VM of a parsed file whose manifest has no namespace.

    A KubeVirt CR or a HyperConverged without a namespace is not changed, because a cluster has
    only one of each. If *namespace* is None, *result* is returned unchanged.
    """
    if namespace is None or all(each.desired.ref.namespace for each in result.objects):
        return result
    return replace(result, objects=tuple(_object_in(each, namespace) for each in result.objects))


def _object_in(each: FileObject, namespace: str) -> FileObject:
    ref = each.desired.ref
    if ref.namespace or ref.is_config:
        return each
    new = ref._replace(namespace=namespace)
    desired = replace(each.desired, ref=new)
    if isinstance(desired, DesiredVM) and desired.manifest is not None:
        desired = replace(desired, manifest=_manifest_in(desired.manifest, namespace))
    diagnostics = tuple(replace(d, ref=new) if d.ref == ref else d for d in each.diagnostics)
    return replace(each, desired=desired, diagnostics=diagnostics)


def _manifest_in(manifest: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    metadata = {**manifest["metadata"], "namespace": namespace}
    return compact({**manifest, "metadata": metadata})
