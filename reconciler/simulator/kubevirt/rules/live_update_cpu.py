"""Decides whether changes to the CPUs and the placement of a VM can be applied live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt.object_fields import (
    HOT_CPU_CHANGE,
    Json,
    condition_status,
    dig,
    is_migrating,
)

ABOVE_MAX: Final = "CPU sockets updated in template spec to a value higher than what's available"
REDUCED: Final = "Reduction of CPU socket count requires a restart"
ARM: Final = "ARM doesn't support CPU hotplug"
CPU_ERROR: Final = "HotPlugCPUError"
PLACEMENT_ERROR: Final = "AffinityChangeError"
TOLERATIONS_ERROR: Final = "TolerationsChangeError"
PLACEMENT: Final = ("nodeSelector", "affinity", "tolerations")
_CPU_PREFIX: Final = "Error encountered while handling CPU change request: "
_PLACEMENT_PREFIX: Final = "Error encountered while handling node affinity change request: "
_TOLERATIONS_PREFIX: Final = "Error encountered while handling tolerations change request: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The result of a CPU or placement update, which precedes the memory update."""

    restart: str = ""
    """The message for the condition RestartRequired, which does not prevent the memory update."""
    reason: str = ""
    """Why the CPU or placement update failed; the memory update waits until a retry succeeds."""
    message: str = ""
    sockets: int | None = None
    """The number of CPU sockets to write into the VMI, or None for no change."""


def decide_cpu(vm_domain: Json, vmi: Json) -> Step:  # noqa: PLR0911 - a return per rule, in KubeVirt's order
    """Decides what happens to a running VMI when the number of CPU sockets of its VM changes.

    Args:
        vm_domain: The VM's domain, with its instancetype applied.
        vmi: The running VMI, in a cluster with the strategy LiveUpdate.

    Source: v1.9.0 pkg/virt-controller/watch/vm/vm.go:640-670 (the messages are at 653, 658 and
    663).
    """
    wanted_cpu, present_cpu = dig(vm_domain, "cpu"), dig(vmi, "spec", "domain", "cpu")
    if wanted_cpu is None or present_cpu is None:
        return Step()
    wanted, present = wanted_cpu.get("sockets") or 0, present_cpu.get("sockets") or 0
    if wanted == present:
        return Step()
    if condition_status(vmi, HOT_CPU_CHANGE) == "True":
        return Step(reason=CPU_ERROR, message=_CPU_PREFIX + "another CPU hotplug is in progress")
    if is_migrating(vmi):
        said = "CPU hotplug is not allowed while VMI is migrating"
        return Step(reason=CPU_ERROR, message=_CPU_PREFIX + said)
    if wanted > (present_cpu.get("maxSockets") or 0):
        return Step(restart=ABOVE_MAX)
    if wanted < present:
        return Step(restart=REDUCED)
    if vmi["spec"].get("architecture") == "arm64":
        return Step(restart=ARM)
    return Step(sockets=wanted)


def decide_placement(template: Json, vmi: Json) -> Step:
    """Returns an error if a placement change cannot be applied because the VMI is migrating.

    Source: v1.9.0 pkg/virt-controller/watch/vm/vm.go:3351-3366.
    """
    if not is_migrating(vmi):
        return Step()
    if _differs(template, vmi, "nodeSelector") or _differs(template, vmi, "affinity"):
        said = "Node affinity should not be changed during VMI migration"
        return Step(reason=PLACEMENT_ERROR, message=_PLACEMENT_PREFIX + said)
    if _differs(template, vmi, "tolerations"):
        said = "tolerations should not be changed during VMI migration"
        return Step(reason=TOLERATIONS_ERROR, message=_TOLERATIONS_PREFIX + said)
    return Step()


def apply_changes(vmi: Json, template: Json, sockets: int | None) -> None:
    """Writes the number of sockets and the placement of a VM into the spec of its VMI."""
    if sockets is not None:
        vmi["spec"]["domain"]["cpu"]["sockets"] = sockets
    for name in PLACEMENT:
        if template.get(name):
            vmi["spec"][name] = json_codec.copy(template[name])
        else:
            vmi["spec"].pop(name, None)


def has_changes(template: Json, vmi: Json, sockets: int | None) -> bool:
    """Returns whether the sockets or the placement of the VMI would change."""
    return sockets is not None or any(_differs(template, vmi, name) for name in PLACEMENT)


def _differs(template: Json, vmi: Json, name: str) -> bool:
    return (template.get(name) or None) != (vmi["spec"].get(name) or None)
