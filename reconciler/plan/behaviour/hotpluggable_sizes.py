"""``unpluggable``: checks whether KubeVirt can hotplug a memory size, whatever the VM's state.

Source: kubevirt v1.9.0 pkg/liveupdate/memory/memory.go:53-107 (ValidateLiveUpdateMemory); the
first check that fails determines the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.memory_sizes import block_of, neighbours
from reconciler.model.plan.plan import Reason
from reconciler.model.quantity import MemoryQuantity, canonical, human

if TYPE_CHECKING:
    from reconciler.model.live.live_state import Constraints
    from reconciler.plan.behaviour.versions import Capabilities


def unpluggable(
    constraints: Constraints,
    capabilities: Capabilities,
    guest: MemoryQuantity,
    max_guest: MemoryQuantity,
) -> Explanation | None:
    """Return the first reason why KubeVirt cannot hotplug a memory size, or None if it can."""
    return (
        unsupported(constraints, capabilities)
        or above(guest, max_guest)
        or misaligned(guest, constraints)
        or _max_misaligned(max_guest, constraints)
        or below_minimum(guest, capabilities)
    )


def unsupported(constraints: Constraints, capabilities: Capabilities) -> Explanation | None:
    """Return an explanation if a VM setting prevents every memory hotplug, else None.

    Source: kubevirt v1.9.0 pkg/liveupdate/memory/memory.go:53-70; v1.1.0
    vms-admitter.go:456-592 and v1.2.0 :430-567 for dedicated CPUs, hugepages and limits;
    observed on KubeVirt v1.3.1, v1.6.3 and v1.9.0 (scenarios dedicated-cpu, hugepages-2mi and
    limits-memory-below).
    """
    for present, what in (
        (constraints.realtime, "a realtime CPU"),
        (constraints.numa_passthrough, "NUMA guestMappingPassthrough"),
        (constraints.launch_security, "launchSecurity"),
        (constraints.dedicated_cpus and not capabilities.dedicated_cpus, "dedicated CPUs"),
        (bool(constraints.hugepages) and not capabilities.hugepages, "hugepages"),
        (constraints.limits is not None and not capabilities.memory_limits, "a memory limit"),
    ):
        if present:
            return Explanation(
                reason=Reason.UNSUPPORTED_CONFIGURATION,
                message=f"memory cannot be hotplugged into a VM with {what}",
            )
    return _foreign(constraints, capabilities.architectures)


def not_at_start(constraints: Constraints, capabilities: Capabilities) -> Explanation | None:
    """Return why a VM starts without a maxGuest, which hotplug needs; None if it gets one.

    Source: kubevirt v1.9.0 pkg/defaults/defaults.go:115-135; v1.6.0 :122 (this version excludes
    arm64 only at the start; its memory.go allows arm64).
    """
    return unsupported(constraints, capabilities) or _foreign(
        constraints, capabilities.start_architectures
    )


def _foreign(constraints: Constraints, architectures: frozenset[str]) -> Explanation | None:
    architecture = constraints.architecture or "amd64"
    if architecture in architectures:
        return None
    return Explanation(
        reason=Reason.UNSUPPORTED_ARCHITECTURE,
        message=f"memory cannot be hotplugged on {architecture} "
        f"(this KubeVirt version supports only {', '.join(sorted(architectures))})",
    )


def misaligned(guest: MemoryQuantity, constraints: Constraints) -> Explanation | None:
    """Return an error if a memory size is not a multiple of 2Mi, or of 1Gi with 1Gi huge pages."""
    block = block_of(constraints.hugepages)
    if not guest.n_bytes % block:
        return None
    lower, upper = map(canonical, neighbours(guest.n_bytes, block))
    return Explanation(
        reason=Reason.MISALIGNED,
        message=f"{guest} is not a multiple of the memory block size {human(block)}",
        hint=f"use {lower} or {upper} instead"
        if guest.n_bytes > block
        else f"use {upper} instead",
    )


def below_minimum(guest: MemoryQuantity, capabilities: Capabilities) -> Explanation | None:
    """Return an error if the guest memory is too small for a live change."""
    if guest.n_bytes >= capabilities.minimum_guest:
        return None
    return Explanation(
        reason=Reason.BELOW_MINIMUM,
        message=f"{guest} is below {human(capabilities.minimum_guest)}, the smallest guest memory "
        "that KubeVirt changes live",
    )


def above(guest: MemoryQuantity, max_guest: MemoryQuantity) -> Explanation | None:
    """Return an error if the guest memory is larger than ``maxGuest``."""
    if guest.n_bytes <= max_guest.n_bytes:
        return None
    return Explanation(
        reason=Reason.ABOVE_MAX_GUEST,
        message=f"{guest} is above maxGuest {max_guest}, which was fixed when the VM booted",
        hint=f"lower the size to {max_guest} or less to change it live; "
        "a restart sets a new maxGuest for the new size",
    )


def _max_misaligned(max_guest: MemoryQuantity, constraints: Constraints) -> Explanation | None:
    problem = misaligned(max_guest, constraints)
    if problem is None:
        return None
    return Explanation(
        reason=Reason.MISALIGNED,
        message=f"the VM's maxGuest {problem.message}",
        hint="correct maxGuest and restart the VM",
    )
