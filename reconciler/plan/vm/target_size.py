"""What Git asks of a VM: a size of its own, or that of an instancetype."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Severity
from reconciler.model.fields import GUEST_MEMORY, INSTANCETYPE_NAME, WaveName
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
from reconciler.plan.vm.rules.situation import Types

if TYPE_CHECKING:
    from reconciler.model.desired.desired_state import DesiredState, DesiredVM
    from reconciler.model.live.live_state import LiveState, LiveVM
    from reconciler.model.references import FieldPath, ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSize:
    """The size to be reached, and the write that asks KubeVirt for it."""

    target: MemoryQuantity
    as_desired: bool
    types: Types | None = None
    changes: tuple[Change, ...] = ()
    """Empty where the VM's spec says it already."""
    patch: tuple[PatchOp, ...] = ()


def target_size_of(
    state: DesiredState, desired: DesiredVM, vm: LiveVM, live: LiveState
) -> TargetSize | Finding:
    """The size for *vm*, or why there is none."""
    if desired.guest is not None:
        return _by_size(state, desired, vm, desired.guest)
    if desired.instancetype is None:
        unreadable = _unreadable(state, desired)
        if unreadable is not None:
            return unreadable
        return Finding.of(
            Effect.NONE,
            Reason.NOTHING_NAMED,
            "Git names no guest memory for this VM",
        )
    return _by_instancetype(state, desired, vm, live, desired.instancetype)


def _unreadable(state: DesiredState, desired: DesiredVM) -> Finding | None:
    """A size that Git names and that is none; where it stands is in the finding on it."""
    errors = [
        each
        for each in state.diagnostics
        if each.severity is Severity.ERROR
        and each.ref == desired.ref
        and dotted(GUEST_MEMORY) in each.message
    ]
    if not errors:
        return None
    return blocked(
        Reason.UNREADABLE,
        f"Git's size cannot be read: {errors[0].message}",
        errors[0].hint or "correct it in Git",
    )


def given(state: DesiredState, desired: DesiredVM) -> tuple[Change, ...]:
    """What a VM that is created from Git is given of the managed fields."""
    value = desired.guest or desired.instancetype
    if value is None:
        return ()
    field = target_field(desired)
    at = state.at(desired.ref, field)
    return (Change(field=field, before=None, after=value, at=at, wave=WaveName.MEMORY),)


def target_field(desired: DesiredVM) -> FieldPath:
    """Where Git says what the VM shall have."""
    named = desired.guest is None and desired.instancetype is not None
    return INSTANCETYPE_NAME if named else GUEST_MEMORY


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
        types = Types(has=kept, wanted=kept, revision_kept=older)
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
        types=Types(has=kept, wanted=found, revision_kept=older),
        changes=(change,),
        patch=instancetype_patch(vm, name),
    )


def _held(vm: LiveVM, live: LiveState, types: Types) -> TargetSize | Finding:
    """A VM with the instancetype that Git names.

    An older revision of it gives another size than the type does now, and only the running
    instance shows which. Source: kubevirt v1.9.0 pkg/instancetype/find/spec.go; a type that is
    edited reaches no VM that holds a revision.
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
        f"the VM is not running, and its instancetype is {vm.instancetype}, as desired",
    )


def _not_made(vm: LiveVM, has: ObjectRef, wanted: ObjectRef) -> Finding:
    """Only the name of an instancetype that the VM has is written."""
    found = f"{has.kind} {has.name}" if vm.instancetype else "none"
    return blocked(
        Reason.INSTANCETYPE_CHANGE,
        f"Git names the {wanted.kind} {wanted.name}, and the VM has {found}; "
        "of an instancetype only the name is changed",
        "set spec.instancetype by hand"
        if vm.instancetype
        else "set spec.instancetype and remove memory.guest by hand, or name the memory in Git; "
        "KubeVirt itself removes it where instancetype.referencePolicy is Expand",
    )


def _unresolved(wanted: ObjectRef, live: LiveState) -> Finding:
    """A type that is not there, which the webhook denies, or that may not be read."""
    if wanted.kind not in live.instancetype_kinds:
        return blocked(
            Reason.INSTANCETYPE_UNREADABLE,
            f"{wanted} cannot be read, so what it would change is not known",
            "grant list on the instancetypes of instancetype.kubevirt.io",
        )
    return blocked(
        Reason.INSTANCETYPE_NOT_FOUND,
        f"there is no {wanted}; the webhook denies it",
        _meant(wanted, live),
    )


def _meant(wanted: ObjectRef, live: LiveState) -> str:
    other = INSTANCETYPE if wanted.kind == CLUSTER_INSTANCETYPE else CLUSTER_INSTANCETYPE
    near = [each for each in live.instancetypes if each.namespace in ("", wanted.namespace)]
    if any(each.kind == other and each.name == wanted.name for each in near):
        return f"there is a {other} of that name, and the VM's kind is {wanted.kind}"
    names = [each.name for each in near if each.kind == wanted.kind]
    close = get_close_matches(wanted.name, names, n=1)
    return f"did you mean {close[0]}?" if close else "correct the name in Git, or create it"
