"""``TargetSize``: the memory size that Git sets for a VM, directly or through an instancetype."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from reconciler.model.fields import GUEST_MEMORY, INSTANCETYPE_NAME, RESOURCES, WaveName
from reconciler.model.plan.plan import Change, Effect, PatchOp, Reason
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import (
    CLUSTER_INSTANCETYPE,
    INSTANCETYPE,
    dotted,
    instancetype_ref,
)
from reconciler.plan.finding import Finding, blocked
from reconciler.plan.patches import guest_patch, instancetype_patch
from reconciler.plan.vm.rules.vm_inputs import Instancetypes

if TYPE_CHECKING:
    from reconciler.model.desired.desired_state import DesiredState, DesiredVM
    from reconciler.model.live.live_state import LiveState, LiveVM
    from reconciler.model.references import FieldPath, ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSize:
    """The memory size that a VM should have, and the patch that sets this size."""

    target: MemoryQuantity
    as_desired: bool
    types: Instancetypes | None = None
    changes: tuple[Change, ...] = ()
    """The changes to the VM's spec; empty if the spec already matches Git."""
    patch: tuple[PatchOp, ...] = ()


def target_size_of(
    state: DesiredState, desired: DesiredVM, vm: LiveVM, live: LiveState
) -> TargetSize | Finding:
    """Return the target size of a VM, or a planning result that explains why the VM has none."""
    if desired.guest is not None:
        return _by_size(state, desired, vm, desired.guest)
    if desired.resources:
        return _not_managed(desired, vm)
    if desired.instancetype is None:
        return Finding.of(
            Effect.NONE,
            Reason.NOTHING_NAMED,
            "the manifest in Git does not set this VM's guest memory",
        )
    return _by_instancetype(state, desired, vm, live, desired.instancetype)


def _not_managed(desired: DesiredVM, vm: LiveVM) -> Finding:
    """Return the planning result for a VM whose size Git sets only with ``domain.resources``."""
    has = {"requests": vm.constraints.requests, "limits": vm.constraints.limits}
    sizes = ", ".join(
        f"resources.{name}.memory ({size}; the cluster has {has[name] or 'none'})"
        for name, size in desired.resources.items()
    )
    return Finding.of(
        Effect.NONE,
        Reason.MEMORY_NOT_MANAGED,
        f"Git sets the size of this VM through {sizes}; KubeVirt does not change these values "
        "live, and the reconciler does not write them",
        f"set {dotted(GUEST_MEMORY)} in Git",
    )


def given(state: DesiredState, desired: DesiredVM, vm: LiveVM | None) -> tuple[Change, ...]:
    """Return the size change that Git requests for a VM that is missing or has no target size."""
    value = desired.guest or desired.instancetype
    has = None
    if vm is not None:
        has = vm.guest if desired.guest is not None else vm.instancetype
    if value is None or value == has:
        return ()
    field = target_field(desired)
    at = state.at(desired.ref, field)
    return (Change(field=field, before=has, after=value, at=at, wave=WaveName.MEMORY),)


def target_field(desired: DesiredVM) -> FieldPath:
    """Return the field that sets the VM's size in Git."""
    if desired.guest is None and desired.instancetype is not None:
        return INSTANCETYPE_NAME
    if desired.guest is None and desired.resources:
        return (*RESOURCES, next(iter(desired.resources)), "memory")
    return GUEST_MEMORY


def _by_size(
    state: DesiredState, desired: DesiredVM, vm: LiveVM, size: MemoryQuantity
) -> TargetSize:
    if vm.guest == size:
        return TargetSize(target=size, as_desired=True)
    change = Change(
        field=GUEST_MEMORY,
        before=vm.guest,
        after=size,
        at=state.at(desired.ref, GUEST_MEMORY),
        wave=WaveName.MEMORY,
    )
    return TargetSize(
        target=size, as_desired=False, changes=(change,), patch=guest_patch(vm, size)
    )


def _by_instancetype(
    state: DesiredState, desired: DesiredVM, vm: LiveVM, live: LiveState, name: str
) -> TargetSize | Finding:
    namespace = vm.ref.namespace
    has = instancetype_ref(vm.instancetype_kind, namespace, vm.instancetype or "")
    wanted = instancetype_ref(desired.instancetype_kind or vm.instancetype_kind, namespace, name)
    if vm.instancetype is None or wanted.kind != has.kind:
        return _not_made(vm, has, wanted)
    kept = live.instancetypes.get(has)
    older = kept is not None and bool(vm.revision) and not kept.kept_by(vm.revision)
    if wanted == has:
        types = Instancetypes(has=kept, wanted=kept, revision_kept=older)
        return _held(vm, live, types)
    found = live.instancetypes.get(wanted)
    if found is None:
        return _unresolved(wanted, live)
    change = Change(
        field=INSTANCETYPE_NAME,
        before=vm.instancetype,
        after=name,
        at=state.at(desired.ref, INSTANCETYPE_NAME),
        wave=WaveName.MEMORY,
    )
    return TargetSize(
        target=found.guest,
        as_desired=False,
        types=Instancetypes(has=kept, wanted=found, revision_kept=older),
        changes=(change,),
        patch=instancetype_patch(vm, name),
    )


def _held(vm: LiveVM, live: LiveState, types: Instancetypes) -> TargetSize | Finding:
    """Return the target size of a VM that already has the desired instancetype.

    The VM can use an older revision with a different size, which only the running instance shows.
    An edit to an instancetype does not change such a VM.
    Source: kubevirt v1.9.0 pkg/instancetype/find/spec.go.
    """
    vmi = live.vmis.get(vm.ref)
    size = vmi.guest if vmi is not None and not vmi.final else None
    if types.has is not None and not types.revision_kept:
        size = types.has.guest
    if size is not None:
        return TargetSize(target=size, as_desired=True, types=types)
    return Finding.of(
        Effect.NONE,
        Reason.STOPPED_AS_DESIRED,
        f"the VM is not running, and it already has the desired instancetype {vm.instancetype}",
    )


def _not_made(vm: LiveVM, has: ObjectRef, wanted: ObjectRef) -> Finding:
    """Block a change that adds an instancetype to a VM, or changes the instancetype's kind."""
    found = f"{has.kind} {has.name}" if vm.instancetype else "no instancetype"
    return blocked(
        Reason.INSTANCETYPE_CHANGE,
        f"Git sets the {wanted.kind} {wanted.name}, but the VM has {found}; the reconciler can "
        "replace an instancetype only with another one of the same kind, and cannot add one",
        "set spec.instancetype by hand"
        if vm.instancetype
        else "set spec.instancetype and remove memory.guest by hand, or set memory.guest in Git; "
        "with instancetype.referencePolicy Expand, KubeVirt itself removes spec.instancetype",
    )


def _unresolved(wanted: ObjectRef, live: LiveState) -> Finding:
    """Block a change to an instancetype that does not exist or cannot be read."""
    if wanted.kind not in live.instancetype_kinds:
        return blocked(
            Reason.INSTANCETYPE_UNREADABLE,
            f"{wanted} cannot be read, so the memory that it sets is unknown",
            "grant the reconciler the verb list on instancetypes in the API group "
            "instancetype.kubevirt.io",
        )
    return blocked(
        Reason.INSTANCETYPE_NOT_FOUND,
        f"the {wanted} does not exist, so KubeVirt's webhook denies the change",
        _suggestion(wanted, live),
    )


def _suggestion(wanted: ObjectRef, live: LiveState) -> str:
    other = INSTANCETYPE if wanted.kind == CLUSTER_INSTANCETYPE else CLUSTER_INSTANCETYPE
    near = [each for each in live.instancetypes if each.namespace in ("", wanted.namespace)]
    if any(each.kind == other and each.name == wanted.name for each in near):
        return f"a {other} with that name exists, but the VM refers to a {wanted.kind}"
    names = [each.name for each in near if each.kind == wanted.kind]
    close = get_close_matches(wanted.name, names, n=1)
    return (
        f"did you mean {close[0]}?"
        if close
        else "correct the name in Git, or create the instancetype"
    )
