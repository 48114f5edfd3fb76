"""Blocks changes that Harvester's webhooks would undo or deny.

Source: harvester v1.6 pkg/webhook/resources/virtualmachine/mutator.go and validator.go, and its
enhancement proposal in issue 7315.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.model.paths import value_at
from reconciler.model.plan.plan import Reason
from reconciler.model.quantity import MIB, MemoryQuantity, QuantityError, canonical
from reconciler.plan.finding import Finding, blocked

if TYPE_CHECKING:
    from reconciler.model.desired.desired_state import DesiredVM
    from reconciler.plan.vm.rules.vm_inputs import VMInputs

HOTPLUG_ANNOTATION = "harvesterhci.io/enableCPUAndMemoryHotplug"
"""The annotation that allows live changes to a VM. Source: harvester pkg/util/constants.go:48."""
RESERVED_ANNOTATION = "harvesterhci.io/reservedMemory"
_LIMIT = ("spec", "template", "spec", "domain", "resources", "limits", "memory")
_RESERVED = 100 * MIB
"""The part of a memory limit that Harvester reserves for QEMU by default, in bytes."""


def rewritten(inputs: VMInputs) -> Finding | None:
    """Block a size that Harvester's webhook would replace, based on the VM's memory limit."""
    vm, limit = inputs.vm, inputs.vm.constraints.limits
    if not inputs.harvester or vm.harvester_hotplug or limit is None:
        return None
    return _replaced(
        inputs.target,
        limit,
        vm.harvester_reserved,
        hint="in Harvester, enable CPU and memory hotplug for the VM (annotation "
        f"{HOTPLUG_ANNOTATION}), or set limits.memory to {{needed}} and restart the VM",
    )


def rewritten_at_creation(desired: DesiredVM) -> Finding | None:
    """Block the creation of a VM in a Harvester cluster if its webhook would replace the size."""
    annotations = value_at(desired.manifest, ("metadata", "annotations"))
    annotations = annotations if isinstance(annotations, Mapping) else {}
    limit = _size(value_at(desired.manifest, _LIMIT))
    hotplug = str(annotations.get(HOTPLUG_ANNOTATION, "")).lower() == "true"
    if desired.guest is None or limit is None or hotplug:
        return None
    return _replaced(
        desired.guest,
        limit,
        _size(annotations.get(RESERVED_ANNOTATION)),
        hint=f'in the manifest, add the annotation {HOTPLUG_ANNOTATION}: "true", or set '
        "limits.memory to {needed}",
    )


def _replaced(
    target: MemoryQuantity, limit: MemoryQuantity, reserved: MemoryQuantity | None, *, hint: str
) -> Finding | None:
    kept = reserved.n_bytes if reserved else _RESERVED
    if (left := limit.n_bytes - kept) == target.n_bytes:
        return None
    return blocked(
        Reason.HARVESTER_REWRITES,
        "Harvester's webhook would silently replace the size in Git: it sets memory.guest to "
        f"{canonical(left)}, which is the memory limit {limit} minus {canonical(kept)}",
        hint.format(needed=canonical(target.n_bytes + kept)),
    )


def _size(value: object) -> MemoryQuantity | None:
    """Return a memory size in a manifest, or None if the API server would deny the value."""
    try:
        return MemoryQuantity.parse(value) if value else None
    except QuantityError:
        return None


def denied(inputs: VMInputs) -> Finding | None:
    """Block a memory size that Harvester denies: below the VM's current size or above its maximum.

    Source: harvester issue 7315 (the enhancement proposal). From this issue, it is inferred that
    the webhook denies these sizes only for running VMs.
    """
    vm, target, vmi = inputs.vm, inputs.target, inputs.vmi
    if not inputs.harvester or not vm.harvester_hotplug or vmi is None or vmi.final:
        return None
    if vm.guest is not None and target.n_bytes < vm.guest.n_bytes:
        return blocked(
            Reason.DENIED_BY_ADMISSION,
            f"Harvester denies a smaller memory size for a running VM, here from {vm.guest} to "
            f"{target}",
            "stop the VM, or set a size in Git that is not below the current size",
        )
    highest: MemoryQuantity | None = vm.max_guest
    if highest is not None and target.n_bytes > highest.n_bytes:
        return blocked(
            Reason.DENIED_BY_ADMISSION,
            f"Harvester denies {target}, which is above the VM's maximum memory of {highest}",
            "raise the VM's maximum memory in Harvester, and restart the VM",
        )
    return None


HARVESTER = (rewritten, denied)
"""The planning rules about Harvester's webhooks, in the order of application."""
