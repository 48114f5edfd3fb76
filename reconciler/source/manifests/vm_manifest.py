"""``decode``: reads one VirtualMachine manifest, and checks it without a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.model.desired.desired_state import DesiredVM
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.fields import (
    GUEST_MAX_MEMORY,
    GUEST_MEMORY,
    INSTANCETYPE_KIND,
    INSTANCETYPE_NAME,
    RESOURCES,
)
from reconciler.model.memory_sizes import MINIMUM, block_of, neighbours
from reconciler.model.paths import MISSING, value_at
from reconciler.model.quantity import MemoryQuantity, QuantityError, canonical
from reconciler.model.quoting import cut, kind_of
from reconciler.model.references import FieldPath, ObjectRef, dotted
from reconciler.source.manifests import vm_annotations
from reconciler.source.manifests.compact_manifest import compact
from reconciler.source.manifests.manifest_objects import FileObject, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_MEMORY: FieldPath = GUEST_MEMORY[:-1]
PAGE_SIZE: FieldPath = (*_MEMORY, "hugepages", "pageSize")
_DEVICES: FieldPath = (*_MEMORY[:-1], "devices")
_INSTANCETYPE: FieldPath = ("spec", "instancetype")
_SERVER_SET = frozenset(
    {"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
)
"""The metadata keys that only the API server sets, so they are removed before a VM is created."""


def decode(manifest: Manifest, ref: ObjectRef, found: tuple[Diagnostic, ...]) -> FileObject:
    """Decode a VM manifest, and report problems that a schema cannot express.

    Args:
        manifest: The manifest after its schema check, without the values that the schema rejects.
        ref: The namespace and name of the VM.
        found: The problems that the schema check found.
    """
    treatment = vm_annotations.treatment(manifest.texts(("metadata", "annotations")))
    desired = DesiredVM(
        ref=ref,
        guest=_memory(manifest, GUEST_MEMORY),
        max_guest=_memory(manifest, GUEST_MAX_MEMORY),
        instancetype=_text(manifest.get(INSTANCETYPE_NAME)),
        instancetype_kind=_text(manifest.get(INSTANCETYPE_KIND)),
        resources=_resources(manifest),
        labels=manifest.texts(("metadata", "labels")),
        suspended=treatment.suspended,
        priority=treatment.priority,
        restart=treatment.restart,
        manifest=_complete(manifest.node.value),
    )
    named = ((), GUEST_MEMORY, GUEST_MAX_MEMORY, INSTANCETYPE_NAME, ("metadata",))
    resources = ((*RESOURCES, name, "memory") for name in desired.resources)
    return FileObject(
        desired=desired,
        places=manifest.places((*named, *resources)),
        diagnostics=(*found, *_findings(manifest, desired)),
    )


def _findings(manifest: Manifest, vm: DesiredVM) -> Iterator[Diagnostic]:
    yield from vm_annotations.findings(manifest)
    yield from _source_of_memory(manifest, vm)
    if vm.guest and vm.max_guest and vm.guest.n_bytes > vm.max_guest.n_bytes:
        yield manifest.report(
            Severity.ERROR,
            "guest-above-max",
            f"guest {vm.guest} exceeds maxGuest {vm.max_guest}",
            GUEST_MEMORY,
            context=(f"maxGuest is set at {manifest.at(GUEST_MAX_MEMORY)}",),
            hint=f"lower guest to {vm.max_guest}, or raise maxGuest, which needs a restart",
        )
    for name, path, amount in (
        ("guest", GUEST_MEMORY, vm.guest),
        ("maxGuest", GUEST_MAX_MEMORY, vm.max_guest),
    ):
        if amount is not None:
            yield from _fitness(manifest, name, path, amount)


def _source_of_memory(manifest: Manifest, vm: DesiredVM) -> Iterator[Diagnostic]:
    """Check that either the VM or an instancetype sets the memory.

    KubeVirt rejects a VM for which both set the memory. Source: kubevirt v1.9.0
    pkg/instancetype/apply/memory.go:73-99.
    """
    instancetype = manifest.node.find(_INSTANCETYPE)
    if vm.guest is not None and instancetype is not None:
        yield manifest.report(
            Severity.ERROR,
            "memory-from-instancetype",
            f"guest {vm.guest} conflicts with the instancetype, which also sets the memory",
            GUEST_MEMORY,
            context=(f"instancetype is set at {manifest.at(_INSTANCETYPE)}",),
            hint="remove memory.guest, and set the memory size by choosing an instancetype",
        )
    if vm.resources:
        sizes = " and ".join(
            f"resources.{name}.memory {size}" for name, size in vm.resources.items()
        )
        yield manifest.report(
            Severity.WARNING,
            "memory-not-managed",
            f"the VM's memory is set only through {sizes}; KubeVirt does not change this setting "
            "live, and reconciler does not write it",
            (*RESOURCES, next(iter(vm.resources)), "memory"),
            hint=f"set {dotted(GUEST_MEMORY)}",
        )
    elif manifest.node.find(GUEST_MEMORY) is None and instancetype is None:
        yield manifest.report(
            Severity.WARNING,
            "nothing-named",
            "the manifest does not set the memory, so the VM is not compared",
            hint=f"set {dotted(GUEST_MEMORY)}, or add the file to `exclude` in .reconciler.yaml",
        )


def _fitness(
    manifest: Manifest, name: str, path: FieldPath, amount: MemoryQuantity
) -> Iterator[Diagnostic]:
    """Warn about memory sizes that KubeVirt cannot hotplug."""
    step = block_of(manifest.get(PAGE_SIZE))
    if amount.n_bytes % step:
        above = canonical(neighbours(amount.n_bytes, step)[1])
        yield manifest.report(
            Severity.WARNING,
            "misaligned",
            f"{name} {amount} is not a multiple of {canonical(step)}, so memory of this size "
            "cannot be hotplugged",
            path,
            hint=f"set the size to {above}, the next multiple",
        )
    if amount.n_bytes < MINIMUM:
        yield manifest.report(
            Severity.WARNING,
            "below-minimum",
            f"{name} {amount} is below 1Gi, so KubeVirt v1.3.1 and later do not hotplug memory "
            "into the VM",
            path,
            hint="set 1Gi or more to allow memory hotplug for this VM",
        )


def _memory(manifest: Manifest, path: FieldPath) -> MemoryQuantity | None:
    value = manifest.get(path)
    if not isinstance(value, str | int):
        return None
    try:
        amount = MemoryQuantity.parse(value)
    except QuantityError:  # the schema check reports the error
        return None
    return amount if amount.n_bytes else None


def _resources(manifest: Manifest) -> Mapping[str, str]:
    """Return the VM's memory requests and limits if only they determine its memory size.

    The values are strings for messages. A value that is not a quantity could be a secret, so the
    message describes only its type.
    """
    if any(manifest.node.find(each) for each in (GUEST_MEMORY, _INSTANCETYPE, PAGE_SIZE)):
        return {}
    found = {name: manifest.get((*RESOURCES, name, "memory")) for name in ("requests", "limits")}
    return {name: _shown(size) for name, size in found.items() if isinstance(size, str | int)}


def _shown(size: str | int) -> str:
    try:
        return cut(str(MemoryQuantity.parse(size)))
    except QuantityError:
        return kind_of(size)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _complete(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the manifest with which to create the VM, or None if a required field is missing.

    Source: kubevirt v1.9.0 CRD virtualmachines.kubevirt.io, where template and devices are
    required.
    """
    spec = value.get("spec")
    runs = isinstance(spec, dict) and ("runStrategy" in spec or "running" in spec)
    if not runs or value_at(value, _DEVICES, MISSING) is MISSING:
        return None
    made: dict[str, Any] = {key: each for key, each in value.items() if key != "status"}
    metadata = made["metadata"].items()
    made["metadata"] = {key: each for key, each in metadata if key not in _SERVER_SET}
    return compact(made)
