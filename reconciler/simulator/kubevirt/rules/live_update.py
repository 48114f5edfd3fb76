"""Decides which VM changes need a restart, and whether memory can be hotplugged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.object_fields import (
    HOT_MEMORY_CHANGE,
    LIVE_MIGRATABLE,
    Json,
    condition_status,
    dig,
    is_deleting,
    is_migrating,
    section,
    size,
)
from reconciler.simulator.kubevirt.rules import in_place, instancetypes, memory_hotplug

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster_config import ClusterConfig

NON_LIVE_FIELD: Final = "a non-live-updatable field was changed in the template spec"
PLUG_FAILED: Final = (
    "memory updated in template spec. Memory-hotplug failed and is not available for this VM "
    "configuration"
)
NOT_MIGRATABLE: Final = (
    "memory updated in template spec. Memory-hotplug is only available for migratable VMs"
)
NO_MAX_GUEST: Final = (
    "memory updated in template spec. Memory-hotplug is not available for this VM configuration"
)
BELOW_BOOT: Final = (
    "memory updated in template spec to a value lower than what the VM started with"
)
ABOVE_MAX: Final = "memory updated in template spec to a value higher than what's available"
"""The message of KubeVirt v1.2 for a memory size above maxGuest; later messages differ.

Source: v1.2.0 pkg/virt-controller/watch/vm/vm.go:3189.
"""
UNSUPPORTED_PREFIX: Final = "memory hotplug not supported, "
ANOTHER_IN_PROGRESS: Final = "another memory hotplug is in progress"
MIGRATING: Final = "memory hotplug is not allowed while VMI is migrating"
ERROR_PREFIX: Final = "error encountered while handling memory hotplug requests: "


class Verdict(StrEnum):
    """What the VM controller does with a memory change."""

    NOTHING = "nothing"
    RESTART = "restart"
    REFUSED = "refused"
    """The change fails with an error: the VM gets the condition Failure, and KubeVirt retries."""
    HOTPLUG = "hotplug"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryDecision:
    """The decision about a memory change: a message for a condition, or new sizes in bytes.

    In v1.1, KubeVirt does not set RestartRequired; the change waits until the VM restarts.
    """

    verdict: Verdict
    message: str = ""
    guest: int = 0
    resources: memory_hotplug.ResourceChange = memory_hotplug.NO_CHANGE


_NOTHING: Final = MemoryDecision(verdict=Verdict.NOTHING)


def needs_restart(started: Json, current: Json, config: ClusterConfig) -> bool:
    """Returns whether a VM has a change that cannot be applied live.

    Args:
        started: The template spec at the VM's start, with its instancetype applied.
        current: The current template spec, with its instancetype applied.
        config: The KubeVirt settings. With the strategy Stage, no field can be updated live.

    Source: v1.9.0 pkg/virt-controller/watch/vm/vm.go:2989-3053.
    """
    expected = json_codec.copy(started)
    if config.live_update:
        _adopt(expected, current, "nodeSelector")
        _adopt(expected, current, "affinity")
        _adopt(expected, current, "tolerations")
        if (
            dig(expected, "domain", "cpu") is not None
            and dig(current, "domain", "cpu") is not None
        ):
            _adopt(expected["domain"]["cpu"], current["domain"]["cpu"], "sockets")
        guest = dig(current, "domain", "memory", "guest")
        had_memory = dig(expected, "domain", "memory") is not None
        if guest is not None and (had_memory or config.behaviour.instancetypes_live):
            section(expected, "domain", "memory")["guest"] = guest
    return expected != current and _without_nulls(expected) != _without_nulls(current)


def decide_memory(vm_domain: Json, vmi: Json, config: ClusterConfig) -> MemoryDecision:  # noqa: C901, PLR0911
    # Each `return` implements one rule of KubeVirt, in KubeVirt's order.
    """Decides what happens to a running VMI when the memory size of its VM changes.

    Args:
        vm_domain: The VM's domain, with its instancetype applied.
        vmi: The running VMI.
        config: The KubeVirt settings that virt-controller uses, with the strategy LiveUpdate.

    Source: v1.9.0 pkg/virt-controller/watch/vm/vm.go:3444-3566.
    """
    domain = vmi["spec"]["domain"]
    wanted = size(vm_domain, "memory", "guest")
    present = size(domain, "memory", "guest")
    plugged = size(vmi, "status", "memory", "guestCurrent")
    if is_deleting(vmi) or wanted is None or present is None or plugged is None:
        return _NOTHING
    if config.behaviour.only_sizes_compared:
        return _decide_by_size(vmi, wanted=wanted, present=present, plugged=plugged)
    if condition_status(vmi, HOT_MEMORY_CHANGE) == "False":
        return _restart(PLUG_FAILED)
    if wanted == present:
        return _NOTHING
    in_place_fits = in_place.fits(domain, wanted=wanted, present=present, config=config)
    if condition_status(vmi, LIVE_MIGRATABLE) != "True" and not in_place_fits:
        return _restart(NOT_MIGRATABLE)
    ceiling = size(domain, "memory", "maxGuest")
    if ceiling is None:
        return _restart(NO_MAX_GUEST)
    if (busy := _busy(vmi)) is not None:
        return busy
    resized = json_codec.copy(domain)
    resized["memory"]["guest"] = quantity.binary(wanted)
    if wanted > ceiling and config.behaviour.strict_hotplug_vm:
        return _restart(ABOVE_MAX)
    architecture = vmi["spec"].get("architecture", "amd64")
    refused = memory_hotplug.hotplug_refusal(resized, architecture, ceiling, config.behaviour)
    if refused is not None:
        return _restart(UNSUPPORTED_PREFIX + refused)
    if wanted < (size(vmi, "status", "memory", "guestAtBoot") or 0):
        return _restart(BELOW_BOOT)
    return _hotplugged(domain, wanted, plugged)


def _decide_by_size(vmi: Json, *, wanted: int, present: int, plugged: int) -> MemoryDecision:
    """Decides about a memory change in v1.2.1 and v1.2.2, where KubeVirt only compares sizes.

    Source: v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349; observed on KubeVirt v1.2.2.
    """
    domain = vmi["spec"]["domain"]
    if wanted == present:
        return _NOTHING
    if (busy := _busy(vmi)) is not None:
        return busy
    ceiling = size(domain, "memory", "maxGuest")
    if wanted < (size(vmi, "status", "memory", "guestAtBoot") or 0):
        return _restart(BELOW_BOOT)
    if ceiling is not None and wanted > ceiling:
        return _restart(ABOVE_MAX)
    return _hotplugged(domain, wanted, plugged)


def _busy(vmi: Json) -> MemoryDecision | None:
    """Returns the error if a running hotplug or migration prevents a memory change, or None."""
    if condition_status(vmi, HOT_MEMORY_CHANGE) == "True":
        return MemoryDecision(verdict=Verdict.REFUSED, message=ERROR_PREFIX + ANOTHER_IN_PROGRESS)
    if is_migrating(vmi):
        return MemoryDecision(verdict=Verdict.REFUSED, message=ERROR_PREFIX + MIGRATING)
    return None


def _hotplugged(domain: Json, wanted: int, plugged: int) -> MemoryDecision:
    return MemoryDecision(
        verdict=Verdict.HOTPLUG,
        guest=wanted,
        resources=memory_hotplug.resource_change(domain, target=wanted, current=plugged),
    )


def hotplug(vmi: Json, decision: MemoryDecision) -> None:
    """Writes the memory sizes of a hotplug into the spec of a VMI."""
    domain = vmi["spec"]["domain"]
    domain["memory"]["guest"] = quantity.binary(decision.guest)
    for kind, value in (
        ("requests", decision.resources.requests),
        ("limits", decision.resources.limits),
    ):
        if value is not None:
            section(domain, "resources", kind)["memory"] = quantity.binary(value)


def expanded_template(template_spec: Json, instancetype: Json | None) -> Json:
    """Returns the template spec of a VM with an instancetype applied to the domain."""
    return {
        **json_codec.copy(template_spec),
        "domain": instancetypes.apply(template_spec["domain"], instancetype),
    }


def _restart(message: str) -> MemoryDecision:
    return MemoryDecision(verdict=Verdict.RESTART, message=message)


def _adopt(target: Json, source: Json, name: str) -> None:
    if name in source:
        target[name] = source[name]
    else:
        target.pop(name, None)


def _without_nulls(value: object) -> object:
    """Returns a copy of a JSON value without null fields, which KubeVirt treats as absent."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
