"""``annotation_patch``: patches the JSON Patch annotation of the HyperConverged object.

The module ``json_patch_annotation`` computes the annotation's value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import PatchOp, Reason
from reconciler.model.references import dotted, pointer
from reconciler.plan.finding import blocked
from reconciler.plan.kubevirt.owners import json_patch_annotation
from reconciler.plan.kubevirt.owners.json_patch_annotation import ANNOTATION

if TYPE_CHECKING:
    from reconciler.model.live.live_owner import LiveOwner
    from reconciler.model.live.live_state import LiveKubeVirt
    from reconciler.model.plan.plan import Change
    from reconciler.plan.finding import Finding

ANNOTATION_PATH = ("metadata", "annotations", ANNOTATION)


def annotation_patch(
    held: LiveOwner, changes: tuple[Change, ...], kubevirt: LiveKubeVirt
) -> tuple[PatchOp, ...]:
    """Return the JSON Patch operations that write HyperConverged's annotation.

    The operations fail if the annotation has changed meanwhile. A write to an annotation does not
    change the generation, so the patch tests the resourceVersion if the annotation is new.
    """
    path = pointer(ANNOTATION_PATH)
    text = json_patch_annotation.extended(held.json_patch, changes, kubevirt)
    if held.json_patch is not None:
        return (
            PatchOp(op="test", path=path, value=held.json_patch),
            PatchOp(op="replace", path=path, value=text),
        )
    guard = PatchOp(op="test", path="/metadata/resourceVersion", value=held.resource_version)
    if held.annotated:
        return (guard, PatchOp(op="add", path=path, value=text))
    return (guard, PatchOp(op="add", path="/metadata/annotations", value={ANNOTATION: text}))


def by_hand(held: LiveOwner, changes: tuple[Change, ...], kubevirt: LiveKubeVirt) -> str:
    """Return a hint that tells the user how to make the changes with the annotation."""
    text = json_patch_annotation.extended(held.json_patch, changes, kubevirt)
    return f"annotate {held.ref} with {ANNOTATION}='{text}'"


def invalid_annotation(held: LiveOwner) -> Finding | None:
    """Block changes if HyperConverged's annotation does not contain a valid JSON Patch."""
    if json_patch_annotation.operations(held.json_patch) is not None:
        return None
    return blocked(
        Reason.SET_BY_ANNOTATION,
        f"the annotation {ANNOTATION} of {held.ref} is not a valid JSON Patch, so the reconciler "
        "cannot add its changes to the annotation",
        "correct the annotation, or remove it",
    )


def taints(held: LiveOwner, changes: tuple[Change, ...]) -> tuple[str, ...]:
    """Warn that HyperConverged reports itself as tainted if its annotation is used.

    Source: hyperconverged-cluster-operator docs/cluster-configuration.md.
    """
    names = ", ".join(
        dotted(each.field)
        for each in changes
        if each.written and each.written.path == ANNOTATION_PATH
    )
    if not names:
        return ()
    warning = (
        f"this change writes {names} to the annotation {ANNOTATION} of {held.ref}. The annotation "
        "taints the installation: HyperConverged then reports the condition TaintedConfiguration "
        "and the alert UnsupportedHCOModification; remove the annotation before an upgrade"
    )
    return (warning,)
