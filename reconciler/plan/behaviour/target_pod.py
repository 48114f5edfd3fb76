"""``target_pod``: computes the resources of a migration's target pod after a memory change.

If the VM's launcher pod is known, its requests are the basis and only the difference of the sizes
is added, so sidecars, container disks, probes and devices are included. If the pod is not known,
KubeVirt's formula is used. This formula ignores TPM, VFIO, probes, downward metrics, SEV, passt
and binding plugins, and includes only the containers for the guest and for its console log.

A launcher from an older KubeVirt has that version's overhead, so the result can be up to 26Mi less
than what the new pod requests.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from reconciler.model.quantity import MIB, MemoryQuantity
from reconciler.plan.behaviour.versions import Capabilities, capabilities_of

if TYPE_CHECKING:
    from reconciler.model.live.capacity import Launcher
    from reconciler.model.live.live_state import LiveKubeVirt, LiveVMI

PER_VCPU = 8 * MIB
IO_THREAD = 8 * MIB
ARM64_FIRMWARE = 128 * MIB
DEDICATED = 100 * MIB
"""The memory overhead in bytes for each vCPU, the I/O thread, arm64 firmware and dedicated CPUs.

Source: v1.9.0 pkg/hypervisor/kvm/hypervisorbackend.go:37-178; observed on KubeVirt v1.3.1, v1.6.3
and v1.9.0 (scenarios hotplug-succeeds and dedicated-cpu), except for the arm64 firmware.
"""
CONSOLE_LOG = 35_000_000
"""The memory, in bytes, of the container that logs the guest's console output.

Source: kubevirt v1.9.0 pkg/virt-controller/services/serialconsolelog.go:69.
"""
_PAGE_TABLE_SHARE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """The properties of the KubeVirt version and CR that determine launcher pods' resources."""

    capabilities: Capabilities
    overcommit: int = 100
    """The guest's memory in percent of the pod's memory request, for a VM without requests."""
    ratio: Fraction = Fraction(1)
    """The factor by which KubeVirt multiplies every memory overhead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The memory request and limit of a VM instance; None for a value that is not set."""

    requests: int | None
    limits: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """The memory requests of the virt-launcher container ``compute``, which runs the guest."""

    request: int
    """Requested memory without huge pages, in bytes."""
    hugepages: int
    overhead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPod:
    """The resources of a migration's target pod, as the scheduler and quotas check them."""

    request: int
    """Requested memory of the whole pod without huge pages, in bytes."""
    hugepages: int = 0
    page_size: str = ""
    """The size of the pod's huge pages, such as ``2Mi``; empty if it uses none."""
    limit: int | None = None
    """``limits.memory`` of the whole pod, in bytes; None if there is no limit."""
    cpu_limit: int = 0
    """``limits.cpu`` of the whole pod, in millicores."""
    priority_class: str = ""
    others: Mapping[str, int] = field(default_factory=lambda: {"pods": 1})
    """Requested CPUs (in millicores), pods and devices; no CPUs if the source pod is unknown."""


def rendering_of(kubevirt: LiveKubeVirt) -> Rendering:
    """Return the KubeVirt version and CR settings that determine launcher pods' resources."""
    return _rendering(
        capabilities_of(kubevirt), kubevirt.memory_overcommit, str(kubevirt.overhead_ratio)
    )


@functools.lru_cache
def _rendering(capabilities: Capabilities, overcommit: int, ratio: str) -> Rendering:
    """Create a ``Rendering``; equal arguments return the same object."""
    return Rendering(
        capabilities=capabilities,
        overcommit=max(1, overcommit),
        ratio=Fraction(ratio),
    )


def asked_after(vmi: LiveVMI, target: int) -> Asked:
    """Return the memory request and limit of a VM instance after a change to its guest memory.

    The request changes by the difference between the sizes. If the request is then smaller than
    the guest, KubeVirt raises the request to the guest's size and does not change the limit.
    Otherwise, the limit changes by the same difference.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3522-3547; observed on KubeVirt
    v1.3.1 and v1.6.3 (scenarios slow-then-second-change, with requests of 4Gi for a guest of 3Gi,
    and limits-memory-below).
    """
    now = _asked(vmi)
    current = vmi.guest_current or vmi.guest
    if now.requests is None or current is None:
        return now
    delta = target - current.n_bytes
    requests = now.requests + delta
    if requests < target:
        requests, delta = target, 0
    return Asked(requests=requests, limits=None if now.limits is None else now.limits + delta)


def compute(vmi: LiveVMI, guest: int, asked: Asked, rendering: Rendering) -> Compute:
    """Return the memory requests of the container that runs a guest of the given size.

    Source: kubevirt v1.9.0 pkg/virt-controller/services/template.go:1633-1674,
    renderresources.go:220-317; observed (scenarios hotplug-succeeds, requests-memory-too,
    dedicated-cpu, hugepages-2mi and slow-then-second-change).
    """
    given = next((each for each in (asked.requests, asked.limits) if each is not None), None)
    base = guest * 100 // rendering.overcommit if given is None else given
    huge = min(base, guest) if vmi.constraints.hugepages else 0
    overhead = _overhead(vmi, asked, rendering)
    return Compute(request=base - huge + overhead, hugepages=huge, overhead=overhead)


def target_pod(
    vmi: LiveVMI, target: MemoryQuantity, rendering: Rendering, source: Launcher | None
) -> TargetPod:
    """Compute the target pod of the migration that changes a VM instance's guest memory.

    *source* is the VM's current pod, or None if it is not known. The VM must have no change in
    progress, because *source* must have the requests of the current size.
    """
    after = asked_after(vmi, target.n_bytes)
    new = compute(vmi, target.n_bytes, after, rendering)
    page_size = vmi.constraints.hugepages or ""
    if source is None or vmi.guest is None:
        limit = None if after.limits is None else after.limits + new.overhead
        return TargetPod(
            request=new.request + CONSOLE_LOG,
            hugepages=new.hugepages,
            page_size=page_size,
            limit=limit,
            priority_class=vmi.placement.priority_class,
        )
    before = _asked(vmi)
    old = compute(vmi, vmi.guest.n_bytes, before, rendering)
    limit = None
    if before.limits is not None and after.limits is not None:
        limit = source.limit + after.limits - before.limits + new.overhead - old.overhead
    elif source.guest_limit:
        limit = _own_limit(source, new.request - old.request)
    return TargetPod(
        cpu_limit=source.cpu_limit,
        priority_class=source.priority_class,
        others={**source.requests.others, "pods": 1},
        request=max(0, source.requests.memory + new.request - old.request),
        hugepages=new.hugepages,
        page_size=page_size,
        limit=limit,
    )


AUTO_LIMIT_RATIO = 2
"""The memory limit that KubeVirt sets if a VM has none, as a multiple of the request.

KubeVirt sets a limit only if a quota has ``limits.memory``. A namespace label can set another
ratio. Source: kubevirt v1.9.0
pkg/virt-controller/services/template.go:1696-1714, renderresources.go:310-317.
"""


def _own_limit(source: Launcher, growth: int) -> int:
    """Return the memory limit of a pod whose VM sets no limit, after the pod's request has grown.

    Any other current limit counts as one from a LimitRange, which does not change. This is too
    little if the namespace's label alpha.kubevirt.io/auto-memory-limits-ratio, which is not read,
    sets another ratio.
    """
    if source.guest_limit == AUTO_LIMIT_RATIO * source.guest_request:
        return source.limit + AUTO_LIMIT_RATIO * growth
    return source.limit


def _asked(vmi: LiveVMI) -> Asked:
    requests, limits = vmi.constraints.requests, vmi.constraints.limits
    return Asked(
        requests=requests.n_bytes if requests else None, limits=limits.n_bytes if limits else None
    )


def _overhead(vmi: LiveVMI, asked: Asked, rendering: Rendering) -> int:
    """Return the bytes of memory that a launcher pod needs in addition to the guest's memory.

    Source: kubevirt v1.9.0 pkg/hypervisor/kvm/hypervisorbackend.go:37-178.
    """
    parts = rendering.capabilities.launcher_overhead + PER_VCPU * vmi.vcpus + IO_THREAD
    parts += _page_tables(asked.requests)
    if vmi.graphics:
        parts += rendering.capabilities.graphics_overhead
    if vmi.constraints.architecture == "arm64":
        parts += ARM64_FIRMWARE
    dedicated = DEDICATED if vmi.constraints.dedicated_cpus else 0
    if rendering.capabilities.dedicated_cpus_in_ratio:
        return int((parts + dedicated) * rendering.ratio)
    return int(parts * rendering.ratio) + dedicated


def _page_tables(requests: int | None) -> int:
    """Return the overhead of page tables: 1/512 of the memory request.

    The request is first rounded up to a multiple of 1000 bytes.

    Source: observed on KubeVirt v1.3.1 (scenario slow-then-second-change): the container requests
    4557111297 bytes for a VM that requests 4Gi.
    """
    return -(-(requests or 0) // 1000) * 1000 // _PAGE_TABLE_SHARE
