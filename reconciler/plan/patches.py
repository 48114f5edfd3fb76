"""Builds JSON patches that write individual fields and never overwrite a parent object.

Each patch starts with ``test`` operations on the uid and on the old value, in the server's
notation. A patch that adds a parent, a list or a missing field tests the generation instead of the
old value. The server compares strings (``1024Mi`` does not match a stored ``1Gi``), and it does
not report why a test failed.

Source: observed on kube-apiserver 1.36.2 (a failed ``test``, a missing parent, ``add`` to a list).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from reconciler.model.fields import (
    FEATURE_GATES,
    GUEST_MAX_MEMORY,
    GUEST_MEMORY,
    INSTANCETYPE_NAME,
    INSTANCETYPE_REVISION,
    NameSet,
)
from reconciler.model.paths import value_at
from reconciler.model.plan.plan import PatchOp
from reconciler.model.references import pointer
from reconciler.plan.behaviour.effective_config import spelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.live.live_owner import LiveOwner
    from reconciler.model.live.live_state import LiveKubeVirt, LiveVM
    from reconciler.model.plan.plan import Change
    from reconciler.model.quantity import MemoryQuantity
    from reconciler.model.references import FieldPath, Uid


def guest_patch(vm: LiveVM, guest: MemoryQuantity) -> tuple[PatchOp, ...]:
    """Return the patch that sets a VM's guest memory, in the notation that Git uses.

    A size that is a bare number in Git is sent as a string of digits, which every KubeVirt
    version accepts.

    Source: observed on KubeVirt v1.3.1, which denies a number ("must be of type string").
    """
    path, value = pointer(GUEST_MEMORY), str(guest.raw)
    if vm.guest is not None:
        return (
            same_object(vm.uid),
            PatchOp(op="test", path=path, value=vm.guest.raw),
            PatchOp(op="replace", path=path, value=value),
        )
    guards = (same_object(vm.uid), same_generation(vm.generation))
    if vm.memory_present:
        return (*guards, PatchOp(op="add", path=path, value=value))
    parent = pointer(GUEST_MEMORY[:-1])
    return (*guards, PatchOp(op="add", path=parent, value={GUEST_MEMORY[-1]: value}))


def instancetype_patch(vm: LiveVM, name: str) -> tuple[PatchOp, ...]:
    """Return the patch that changes a VM's instancetype.

    A ``revisionName`` in the spec pins the old instancetype, so the patch also removes that field.
    Source: observed in the scenario instancetype-change on KubeVirt v1.3.1 (the patch is denied
    without the removal), v1.6.3 and v1.9.0 (the spec contains no ``revisionName``); v1.3.0
    tests/hotplug/instancetype.go:140-142.
    """
    path, revision = pointer(INSTANCETYPE_NAME), pointer(INSTANCETYPE_REVISION)
    guards = [same_object(vm.uid), PatchOp(op="test", path=path, value=vm.instancetype)]
    writes = [PatchOp(op="replace", path=path, value=name)]
    if vm.revision_name:
        guards.append(PatchOp(op="test", path=revision, value=vm.revision_name))
        writes.append(PatchOp(op="remove", path=revision))
    return (*guards, *writes)


def annotated(patch: tuple[PatchOp, ...], vm: LiveVM, key: str, text: str) -> tuple[PatchOp, ...]:
    """Return a copy of a patch that also adds an annotation.

    If the VM has no annotations, the patch adds the whole map. Then, the patch also tests the
    resourceVersion, to avoid overwriting an annotation that another client adds at the same time.
    """
    if vm.annotated:
        path = pointer(("metadata", "annotations", key))
        return (*patch, PatchOp(op="add", path=path, value=text))
    guard = PatchOp(op="test", path="/metadata/resourceVersion", value=vm.resource_version)
    added = PatchOp(op="add", path="/metadata/annotations", value={key: text})
    return (guard, *patch, added)


def posted(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a manifest to the body of a POST request, in which numeric sizes are strings.

    Source: observed on KubeVirt v1.3.1, which denies a number ("must be of type string").
    """
    made: dict[str, Any] = copy.deepcopy(dict(manifest))
    for path in (GUEST_MEMORY, GUEST_MAX_MEMORY):
        parent = value_at(made, path[:-1])
        if isinstance(parent, dict) and isinstance(parent.get(path[-1]), int):
            parent[path[-1]] = str(parent[path[-1]])
    return made


def settings_patch(
    holder: LiveKubeVirt | LiveOwner, changes: tuple[Change, ...]
) -> tuple[PatchOp, ...]:
    """Return the patch that changes settings and keeps feature gates that Git does not list.

    Args:
        holder: The KubeVirt CR, or the object from which an operator writes the CR.
        changes: The changes, with their field paths in *holder*.
    """
    present = [change for change in changes if change.field in holder.spellings]
    absent = [change for change in changes if change.field not in holder.spellings]
    guards = [same_object(holder.uid)]
    if absent:
        guards.append(same_generation(holder.generation))
    guards += [
        PatchOp(op="test", path=pointer(each.field), value=holder.spellings[each.field])
        for each in present
    ]
    writes = [operation for change in present for operation in _rewrite(change)]
    return (*guards, *writes, *additions(holder.containers, absent))


def _rewrite(change: Change) -> list[PatchOp]:
    path = pointer(change.field)
    before, after = change.before, change.after
    if (
        change.field == FEATURE_GATES
        and isinstance(before, NameSet)
        and isinstance(after, NameSet)
    ):
        missing = after.raw[len(before.raw) :]
        return [PatchOp(op="add", path=f"{path}/-", value=name) for name in missing]
    return [PatchOp(op="replace", path=path, value=spelled(after))]


def additions(containers: frozenset[FieldPath], changes: Sequence[Change]) -> list[PatchOp]:
    """Return ``add`` operations for fields; a missing parent object is added with its fields."""
    added: dict[FieldPath, Any] = {}
    for change in changes:
        top = next(
            change.field[:length]
            for length in range(1, len(change.field) + 1)
            if change.field[:length] not in containers or length == len(change.field)
        )
        below = change.field[len(top) :]
        if not below:
            added[top] = spelled(change.after)
            continue
        parent = added.setdefault(top, {})
        for key in below[:-1]:
            parent = parent.setdefault(key, {})
        parent[below[-1]] = spelled(change.after)
    return [PatchOp(op="add", path=pointer(path), value=value) for path, value in added.items()]


def same_object(uid: Uid) -> PatchOp:
    """Return the ``test`` operation that fails if the object was deleted and recreated."""
    return PatchOp(op="test", path="/metadata/uid", value=uid)


def same_generation(generation: int) -> PatchOp:
    """Return the ``test`` operation that fails if the object's generation has changed."""
    return PatchOp(op="test", path="/metadata/generation", value=generation)
