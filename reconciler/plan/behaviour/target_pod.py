"""What the target pod of a memory change asks for, by KubeVirt's version; sizes in bytes.

Two ways. Where the VM's own launcher pod is known, it is taken as it is, and only what the new
size changes is added: whatever else the pod has (sidecars, container disks, probes, devices) is in
it already. Where it is not, KubeVirt's formula is followed for what a VM usually has. It then
leaves out TPM, VFIO, probes, downward metrics, SEV, passt and binding plugins, and knows of no
containers but the one that runs the guest and its console log.

A launcher that an older KubeVirt made keeps that version's overhead here until it is replaced,
which is up to 26Mi less than what the new one asks for.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
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
"""Source of the four: v1.9.0 pkg/hypervisor/kvm/hypervisorbackend.go:37-178; recorded
hotplug-succeeds and dedicated-cpu on v1.3.1, v1.6.3 and v1.9.0 (not arm64)."""
CONSOLE_LOG = 35_000_000
"""The container that writes the guest's console. Source: v1.9.0
pkg/virt-controller/services/serialconsolelog.go:69."""
_PAGE_TABLE_SHARE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What KubeVirt's version and CR say about launcher pods."""

    capabilities: Capabilities
    overcommit: int = 100
    """Percent of a guest's memory over what its pod asks for, where the VM has no requests."""
    ratio: Fraction = Fraction(1)
    """By which every overhead is multiplied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """``resources`` of an instance; None is not set."""

    requests: int | None
    limits: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """The container that runs the guest."""

    request: int
    """Memory, without what is in huge pages."""
    hugepages: int
    overhead: int

    @property
    def total(self) -> int:
        """What the label ``kubevirt.io/vmi-pod-memory-resource-requests`` says."""
        return self.request + self.hugepages


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPod:
    """What a scheduler and a quota compare."""

    request: int
    """Memory of the whole pod, without what is in huge pages."""
    hugepages: int = 0
    page_size: str = ""
    """Of its huge pages, such as ``2Mi``; empty where it has none."""
    limit: int | None = None
    """``limits.memory`` of the whole pod; None where the VM sets no limit."""


def rendering_of(kubevirt: LiveKubeVirt) -> Rendering:
    """How the CR *kubevirt* has launcher pods made."""
    return _rendering(kubevirt.version, kubevirt.memory_overcommit, str(kubevirt.overhead_ratio))


@functools.lru_cache
def _rendering(version: str, overcommit: int, ratio: str) -> Rendering:
    """Asked for each VM, of which all share it."""
    return Rendering(
        capabilities=capabilities_of(version),
        overcommit=max(1, overcommit),
        ratio=Fraction(ratio),
    )


def asked_after(vmi: LiveVMI, target: int) -> Asked:
    """The instance's own requests and limits once its guest is to have *target* bytes.

    Requests follow by the difference to what the guest has now and are lifted to the guest size;
    limits follow by what is then left of the difference: nothing where requests were lifted.

    Source: kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3522-3547; recorded v1.3.1, v1.6.3
    slow-then-second-change (requests of 4Gi for a guest of 3Gi) and limits-memory-below.
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
    """What the container of a guest with *guest* bytes asks for.

    Source: kubevirt v1.9.0 pkg/virt-controller/services/template.go:1633-1674,
    renderresources.go:220-317; recorded hotplug-succeeds, requests-memory-too, dedicated-cpu,
    hugepages-2mi and slow-then-second-change.
    """
    given = next((each for each in (asked.requests, asked.limits) if each is not None), None)
    base = guest * 100 // rendering.overcommit if given is None else given
    huge = min(base, guest) if vmi.constraints.hugepages else 0
    overhead = _overhead(vmi, asked, rendering)
    return Compute(request=base - huge + overhead, hugepages=huge, overhead=overhead)


def target_pod(
    vmi: LiveVMI, target: MemoryQuantity, rendering: Rendering, source: Launcher | None
) -> TargetPod:
    """The pod to which the guest of *vmi* migrates in order to have *target*.

    The VM is at rest: *source*, the pod in which it runs, was made for the guest that its instance
    has. None where that pod is not known.
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
        )
    before = _asked(vmi)
    old = compute(vmi, vmi.guest.n_bytes, before, rendering)
    limit = None
    if before.limits is not None and after.limits is not None:
        limit = source.limit + after.limits - before.limits + new.overhead - old.overhead
    return TargetPod(
        request=max(0, source.requests.memory + new.request - old.request),
        hugepages=new.hugepages,
        page_size=page_size,
        limit=limit,
    )


def source_of(vmi: LiveVMI, launchers: tuple[Launcher, ...]) -> Launcher | None:
    """The one of *launchers* in which *vmi* runs now."""
    return next((each for each in launchers if each.node == vmi.node), None)


def _asked(vmi: LiveVMI) -> Asked:
    requests, limits = vmi.constraints.requests, vmi.constraints.limits
    return Asked(
        requests=requests.n_bytes if requests else None, limits=limits.n_bytes if limits else None
    )


def _overhead(vmi: LiveVMI, asked: Asked, rendering: Rendering) -> int:
    """What the guest's container needs beside the guest.

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
    """A 512th of the requests, which are rounded up to whole kilobytes first.

    Source: recorded slow-then-second-change v1.3.1: 4557111297 for requests of 4Gi.
    """
    return -(-(requests or 0) // 1000) * 1000 // _PAGE_TABLE_SHARE
