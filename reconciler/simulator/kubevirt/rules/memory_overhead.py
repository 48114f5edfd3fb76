"""Computes the memory request of a launcher pod: the guest memory plus KubeVirt's overhead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import Json, dig, size
from reconciler.simulator.kubevirt.quantity import MI

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster_config import ClusterConfig

PAGE_TABLE_SHARE: Final = 512
PER_VCPU: Final = 8 * MI
IO_THREAD: Final = 8 * MI
ARM_FIRMWARE: Final = 128 * MI
GUARANTEED: Final = 100 * MI
TPM: Final = 53 * MI
CONSOLE_LOG_CONTAINER: Final = 35_000_000
CONTAINER_DISK: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PodMemory:
    """The memory of the compute container of a launcher pod, in bytes."""

    request: int
    """The memory request of the container, without huge pages."""
    hugepages: int
    hugepage_size: int
    overhead: int
    limit: int | None

    @property
    def total(self) -> int:
        """The memory request plus huge pages; KubeVirt stores this sum in a VMI label."""
        return self.request + self.hugepages


def memory_overhead(vmi: Json, config: ClusterConfig) -> int:
    """Computes the memory that a launcher pod needs in addition to the guest memory, in bytes.

    The page tables are computed from the memory requests, rounded up to kilobytes. The result
    equals the recorded values from real clusters.

    Source: v1.9.0 pkg/hypervisor/kvm/hypervisorbackend.go:37-178; the fixed amounts are from the
    release tag of each version.
    """
    domain = vmi["spec"]["domain"]
    behaviour = config.behaviour
    cpu = domain.get("cpu") or {}
    vcpus = (cpu.get("sockets") or 1) * (cpu.get("cores") or 1) * (cpu.get("threads") or 1)
    requests = size(domain, "resources", "requests", "memory") or 0
    dedicated = GUARANTEED if cpu.get("dedicatedCpuPlacement") else 0
    page_tables = -(-requests // 1000) * 1000 // PAGE_TABLE_SHARE
    overhead = page_tables + behaviour.overhead_fixed + PER_VCPU * vcpus + IO_THREAD
    if dig(domain, "devices", "autoattachGraphicsDevice") is not False:
        overhead += behaviour.overhead_graphics
    if vmi["spec"].get("architecture") == "arm64":
        overhead += ARM_FIRMWARE
    if dig(domain, "devices", "tpm") is not None:
        overhead += TPM
    if behaviour.overhead_ratio_covers_all:
        return int((overhead + dedicated) * config.overhead_ratio)
    return int(overhead * config.overhead_ratio) + dedicated


def pod_memory(vmi: Json, config: ClusterConfig) -> PodMemory:
    """Computes the memory that the launcher pod of a VMI needs.

    Source: v1.9.0 pkg/virt-controller/services/template.go:1633-1674, renderresources.go:220-317.
    """
    domain = vmi["spec"]["domain"]
    overhead = memory_overhead(vmi, config)
    guest = size(domain, "memory", "guest") or 0
    requests = size(domain, "resources", "requests", "memory")
    limits = size(domain, "resources", "limits", "memory")
    page = size(domain, "memory", "hugepages", "pageSize") or 0
    base = next(
        (value for value in (requests, limits) if value is not None),
        guest * 100 // config.memory_overcommit,
    )
    huge = min(base, guest) if page else 0
    asked = base - huge + (0 if dig(domain, "resources", "overcommitGuestOverhead") else overhead)
    dedicated = bool(dig(domain, "cpu", "dedicatedCpuPlacement"))
    limit = asked if dedicated else (None if limits is None else limits + overhead)
    return PodMemory(
        request=asked, hugepages=huge, hugepage_size=page, overhead=overhead, limit=limit
    )
