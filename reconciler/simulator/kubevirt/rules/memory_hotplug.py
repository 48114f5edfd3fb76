"""Defines when KubeVirt allows memory hotplug, and how a hotplug changes memory requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.object_fields import Json, dig, size
from reconciler.simulator.kubevirt.quantity import GI, MI

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.versions import Behaviour

ALIGNMENT: Final = 2 * MI
HUGE_ALIGNMENT: Final = GI


def hotplug_refusal(
    domain: Json, architecture: str, max_guest: int | None, behaviour: Behaviour
) -> str | None:
    """Returns why the memory of a VM cannot be hotplugged up to a given maxGuest, or None.

    The VM webhook denies a VM with this message. The VM controller writes the message into the
    RestartRequired condition. A VMI that starts with such a configuration gets no maxGuest.

    Source: v1.9.0 pkg/liveupdate/memory/memory.go:53-107; v1.1.0 and v1.2.0
    pkg/virt-api/webhooks/validating-webhook/admitters/vms-admitter.go (430-592).
    """
    return (
        _feature_refusal(domain)
        or _old_refusal(domain, behaviour)
        or _size_refusal(domain, max_guest, behaviour)
        or _platform_refusal(domain, architecture, behaviour)
    )


def _feature_refusal(domain: Json) -> str | None:
    if dig(domain, "cpu", "realtime") is not None:
        return "Memory hotplug is not compatible with realtime VMs"
    if dig(domain, "cpu", "numa", "guestMappingPassthrough") is not None:
        return "Memory hotplug is not compatible with guest mapping passthrough"
    if domain.get("launchSecurity") is not None:
        return "Memory hotplug is not compatible with encrypted VMs"
    return None


def _size_refusal(domain: Json, max_guest: int | None, behaviour: Behaviour) -> str | None:
    guest = size(domain, "memory", "guest")
    if guest is None:
        return "Guest memory must be configured when memory hotplug is enabled"
    if max_guest is None:
        return "Max guest memory must be configured when memory hotplug is enabled"
    if guest > max_guest:
        return "Guest memory is greater than the configured maxGuest memory"
    alignment = memory_alignment(domain, behaviour)
    unit = quantity.binary(alignment)
    if guest % alignment:
        return f"Guest memory must be {unit} aligned"
    if max_guest % alignment:
        return f"MaxGuest must be {unit} aligned"
    return None


def _platform_refusal(domain: Json, architecture: str, behaviour: Behaviour) -> str | None:
    if architecture not in behaviour.hotplug_architectures:
        return _architecture_message(behaviour)
    if (size(domain, "memory", "guest") or 0) < behaviour.minimum_guest:
        return (
            "Memory hotplug is only available for VMs with at least "
            f"{quantity.binary(behaviour.minimum_guest)} of guest memory"
        )
    return None


def memory_alignment(domain: Json, behaviour: Behaviour) -> int:
    """Returns the required alignment of a hotplugged size in bytes: 2Mi, or 1Gi for 1Gi pages.

    Up to v1.2, the alignment is always 2Mi.

    Source: v1.9.0 pkg/liveupdate/memory/memory.go:37-40, v1.1.0 converter.go:92.
    """
    page = size(domain, "memory", "hugepages", "pageSize")
    huge = page == HUGE_ALIGNMENT and not behaviour.strict_hotplug_vm
    return HUGE_ALIGNMENT if huge else ALIGNMENT


def start_max_guest(
    domain: Json,
    architecture: str,
    *,
    cluster_max_guest: int | None,
    ratio: int,
    behaviour: Behaviour,
) -> int | None:
    """Returns the maxGuest of a starting VMI in bytes, or None if memory hotplug is impossible.

    From v1.6.0 on, a VMI on arm64 gets no maxGuest.

    Source: v1.9.0 pkg/defaults/defaults.go:84-90,115-135; v1.3.0
    pkg/virt-api/webhooks/defaults.go:79-98; v1.6.0 pkg/defaults/defaults.go:122.
    """
    guest = size(domain, "memory", "guest")
    foreign = architecture not in behaviour.start_architectures
    if guest is None or (foreign and not behaviour.only_sizes_compared):
        return None
    own = size(domain, "memory", "maxGuest")
    candidate = own or cluster_max_guest or guest * ratio
    if behaviour.only_sizes_compared:
        return candidate
    refused = hotplug_refusal(domain, architecture, candidate, behaviour)
    return None if refused is not None else candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChange:
    """The memory requests and limits of a VMI after a hotplug, in bytes; None means no change."""

    requests: int | None
    limits: int | None


NO_CHANGE: Final = ResourceChange(requests=None, limits=None)


def resource_change(domain: Json, *, target: int, current: int) -> ResourceChange:
    """Computes the memory requests and limits of a VMI for a new guest size.

    Requests change by the difference between the new and the current guest size. If the requests
    are then smaller than the new guest size, the requests are raised to that size, and limits do
    not change. Otherwise, limits change by the same difference.

    Source: v1.9.0 pkg/virt-controller/watch/vm/vm.go:3522-3547.
    """
    requests = size(domain, "resources", "requests", "memory")
    limits = size(domain, "resources", "limits", "memory")
    if requests is None:
        return NO_CHANGE
    delta = target - current
    wanted = requests + delta
    if wanted < target:
        wanted = target
        delta = target - wanted
    return ResourceChange(requests=wanted, limits=None if limits is None else limits + delta)


def _old_refusal(domain: Json, behaviour: Behaviour) -> str | None:
    if behaviour.strict_hotplug_vm:
        if dig(domain, "cpu", "dedicatedCpuPlacement"):
            return "Memory hotplug is not compatible with dedicated CPUs"
        if dig(domain, "memory", "hugepages") is not None:
            return "Memory hotplug is not compatible with hugepages"
    if behaviour.limits_deny and dig(domain, "resources", "limits", "memory") is not None:
        return "Configuration of Memory limits is not allowed when Memory live update is enabled"
    return None


def _architecture_message(behaviour: Behaviour) -> str:
    both = "arm64" in behaviour.hotplug_architectures
    return f"Memory hotplug is only available for {'x86_64 and arm64' if both else 'x86_64'} VMs"
