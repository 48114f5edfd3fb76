"""Behaviour: the differences between the KubeVirt versions v1.1 to v1.9.

v1.2.2, v1.3.1, v1.4.1, v1.5.3, v1.6.3, v1.7.4, v1.8.4 and v1.9.0 were observed on real control
planes; the other versions follow KubeVirt's code at its release tags. The planner has its own
table of versions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeAlias

from reconciler.simulator.kubevirt.quantity import GI, MI

Version: TypeAlias = tuple[int, int, int]

OLDEST: Final = (1, 1, 0)
NEWEST: Final = (1, 9)


class Rollout(StrEnum):
    """The values of the KubeVirt field `spec.configuration.vmRolloutStrategy`."""

    STAGE = "Stage"
    LIVE_UPDATE = "LiveUpdate"


class GateStage(StrEnum):
    """The stage of a feature gate in a KubeVirt version."""

    ABSENT = "absent"
    LISTED = "listed"
    """Enabled only if the KubeVirt CR lists the gate: alpha gates, and beta gates up to v1.8."""
    DEFAULT_ON = "default-on"
    """Enabled unless the KubeVirt CR disables the gate: beta gates from v1.9 on."""
    GRADUATED = "graduated"


def parse_version(text: str) -> Version:
    """Parses a KubeVirt version such as `v1.9.0` or `1.9`.

    Raises:
        ValueError: The text is not a version, or the version is older than v1.1 or newer than
            v1.9.
    """
    match = re.fullmatch(r"v?([0-9]{1,9})\.([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:[-+].*)?", str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a KubeVirt version; write it like v1.9.0")
    version = (int(match[1]), int(match[2]), int(match[3] or 0))
    if version < OLDEST or version[:2] > NEWEST:
        raise ValueError(f"KubeVirt {text} is not supported; use v1.1 to v1.9")
    return version


def since(version: Version, *bounds: str) -> bool:
    """Returns whether a version includes a change that was added to several release lines.

    `since(v, "1.6.4", "1.7.1")` means that v1.6 has the change from patch 4, v1.7 from patch 1,
    and all later release lines have it.
    """
    lines = {bound[:2]: bound for bound in map(parse_version, bounds)}
    first = lines.get(version[:2])
    return version >= first if first is not None else version > max(lines.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The behaviour of one KubeVirt version where versions differ. Sizes are in bytes."""

    version: Version
    live_update_gate: GateStage
    """The stage of the feature gate VMLiveUpdateFeatures.

    Source: v1.4.0 pkg/virt-config/virt-config.go:455, v1.5.0
    pkg/virt-config/featuregate/inactive.go:98.
    """
    default_rollout: Rollout | None
    """The default rollout strategy, or None on v1.1, where each VM enables live updates itself."""
    hotplug_architectures: tuple[str, ...]
    start_architectures: tuple[str, ...]
    """The architectures on which a starting VMI gets a maxGuest; from v1.6.0 on, not arm64."""
    minimum_guest: int
    strict_hotplug_vm: bool
    """Whether a VM with its own maxGuest cannot use hugepages or dedicated CPUs (v1.1, v1.2)."""
    limits_deny: bool
    only_sizes_compared: bool
    """Whether virt-controller compares a new memory size only with the boot size and maxGuest.

    Every VM with memory then gets a maxGuest when it starts. Source: v1.2.2
    pkg/virt-controller/watch/vm.go:1886-1903,3257-3349; observed on v1.2.2.
    """
    limit_follows: bool
    """Whether a live update is allowed to exceed a VM's memory limit, and raises the limit.

    Source: observed on v1.2.2 and newer.
    """
    vm_live_update_features: bool
    """Whether each VM enables live updates in its spec.liveUpdateFeatures (v1.1).

    In v1.1, the webhook denies changes that later versions report as RestartRequired. Source:
    v1.1.0 pkg/virt-api/webhooks/validating-webhook/admitters/vms-admitter.go:440-592,865-939.
    """
    instancetypes_live: bool
    """Whether a change to a VM's instancetype changes the memory of the running VM.

    In v1.2.2, KubeVirt compares only the VM's own template. Source: v1.3.0
    tests/hotplug/instancetype.go:140; v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349.
    """
    instancetype_denied: bool
    """Whether a VM with live updates and its own maxGuest cannot have an instancetype.

    Source: v1.1.0 vms-admitter.go:456-592, v1.2.0:430-567.
    """
    restart_required: bool
    self_clearing: bool
    """Whether KubeVirt clears RestartRequired when the VM no longer needs a restart.

    Source: v1.6.4 pkg/virt-controller/watch/vm/vm.go:2977, v1.7.1:2987, v1.8.0.
    """
    plug_failure_visible: bool
    instancetype_in_status: bool
    """Whether a VM's status (not spec) references the instancetype's ControllerRevision."""
    integer_guest: bool
    default_requests: bool
    """Whether KubeVirt sets the memory request of a VMI to the guest size (up to v1.6).

    Source: commit 51927ed13c (v1.7.0).
    """
    backoff: bool
    """Whether KubeVirt delays the retry of a failed migration (observed since v1.3.1)."""
    priority_gate: GateStage
    completion_timeout_per_gib_s: int
    migration_defaults: Mapping[str, int]
    """The defaults in `spec.configuration.migrations` that only newer versions have."""
    workload_disruption: bool
    gate_overlap_denied: bool
    backups: bool
    """Whether a migration waits until the backup of its VMI has ended.

    KubeVirt v1.8 and later do this. Source: v1.9.0
    pkg/virt-controller/watch/migration/migration.go:1581-1645.
    """
    memory_overhead_status: bool
    same_cpu_vendor: bool
    """Whether the target node of a migration must have the CPU vendor of the source node.

    Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:986-1005. The behaviour of
    older versions is unknown.
    """
    overhead_fixed: int
    overhead_graphics: int
    overhead_ratio_covers_all: bool
    """Whether additionalGuestMemoryOverheadRatio applies to dedicated CPUs as well."""
    label_has_hugepages: bool
    """Whether the VMI label with the pod's memory requests includes huge pages (observed)."""
    priority_denied: bool
    """Whether only virt-controller is allowed to set the priority of a migration."""
    firmware_uuid: bool
    multi_architecture_gate: bool
    """Whether a VM that is not amd64 needs the feature gate MultiArchitecture.

    The gate is deprecated since v1.8.0. Source: observed on v1.3.1 and v1.6.3, but not on v1.9.0.
    """
    in_place_gate: GateStage
    """The stage of the feature gate InPlaceHotplug.

    No KubeVirt release has the gate; the simulator assumes a build of v1.9 with the gate. Source:
    inferred from the KubeVirt proposal VEP 45 (kubevirt/enhancements PR 46).
    """
    pci_topology: bool
    finalizer: str
    pod_awaited: bool
    """Whether a new VMI first has a condition with the reason PodNotExists (v1.3.1)."""
    finished_mirror: bool
    """Whether finished migrations copy the VMI's latest migration state (v1.3.1)."""
    conflict_message: str
    """The observed message if a VM and its instancetype set the same field."""
    template_timestamp: bool
    """Whether the template of a VM has `creationTimestamp: null` (observed up to v1.6.3)."""

    @property
    def text(self) -> str:
        """The version as in the status of the KubeVirt CR, such as `v1.9.0`."""
        return "v" + ".".join(map(str, self.version))


@lru_cache
def behaviour(text: str) -> Behaviour:
    """Returns the behaviour of a KubeVirt version.

    Raises:
        ValueError: The simulator does not support the version.

    Source: KubeVirt release tags v1.1.0 to v1.9.0; the docstrings of the fields contain further
    sources.
    """
    v = parse_version(text)
    arm = since(v, "1.3.0") and not since(v, "1.5.3", "1.6.1")
    return Behaviour(
        version=v,
        live_update_gate=GateStage.GRADUATED if since(v, "1.5.0") else GateStage.LISTED,
        default_rollout=_default_rollout(v),
        hotplug_architectures=("amd64", "arm64") if arm else ("amd64",),
        start_architectures=("amd64", "arm64") if arm and not since(v, "1.6.0") else ("amd64",),
        minimum_guest=GI if since(v, "1.3.1") else 0,
        strict_hotplug_vm=not since(v, "1.3.0"),
        limits_deny=not since(v, "1.2.1"),
        only_sizes_compared=since(v, "1.2.1") and not since(v, "1.3.0"),
        limit_follows=since(v, "1.2.1"),
        vm_live_update_features=not since(v, "1.2.0"),
        instancetypes_live=since(v, "1.3.0"),
        instancetype_denied=not since(v, "1.2.1"),
        restart_required=since(v, "1.2.0"),
        self_clearing=since(v, "1.6.4", "1.7.1"),
        plug_failure_visible=since(v, "1.3.0"),
        instancetype_in_status=since(v, "1.5.0"),
        integer_guest=since(v, "1.6.0"),
        default_requests=not since(v, "1.7.0"),
        backoff=since(v, "1.3.1"),
        priority_gate=_priority_gate(v),
        completion_timeout_per_gib_s=150 if since(v, "1.4.0") else 800,
        migration_defaults={
            **({"utilityVolumesTimeout": 150} if since(v, "1.8.0") else {}),
            **({"maxDowntimeMs": 900} if since(v, "1.9.0") else {}),
        },
        workload_disruption=since(v, "1.5.0"),
        gate_overlap_denied=since(v, "1.8.0"),
        backups=since(v, "1.8.0"),
        memory_overhead_status=since(v, "1.9.0"),
        same_cpu_vendor=since(v, "1.9.0"),
        overhead_fixed=_overhead_fixed(v),
        overhead_graphics=(32 if since(v, "1.6.0") else 16) * MI,
        overhead_ratio_covers_all=since(v, "1.6.0"),
        label_has_hugepages=since(v, "1.3.0"),
        priority_denied=since(v, "1.7.0"),
        firmware_uuid=since(v, "1.6.0"),
        multi_architecture_gate=not since(v, "1.8.0"),
        in_place_gate=GateStage.LISTED if since(v, "1.9.0") else GateStage.ABSENT,
        pci_topology=since(v, "1.9.0"),
        finalizer=("kubevirt.io/" if since(v, "1.7.0") else "") + "foregroundDeleteVirtualMachine",
        pod_awaited=not since(v, "1.4.0"),
        finished_mirror=not since(v, "1.4.0"),
        conflict_message=_conflict_message(v),
        template_timestamp=not since(v, "1.7.0"),
    )


def _default_rollout(version: Version) -> Rollout | None:
    if not since(version, "1.2.0"):
        return None
    return Rollout.LIVE_UPDATE if since(version, "1.6.0") else Rollout.STAGE


def _overhead_fixed(version: Version) -> int:
    """Returns the observed memory in bytes of KubeVirt's own processes in a launcher pod."""
    if since(version, "1.5.0"):
        return 220 * MI
    return (215 if since(version, "1.4.1") else 210) * MI


def _conflict_message(version: Version) -> str:
    if since(version, "1.7.0"):
        return "VM field(s) {guest} conflicts with selected instance type"
    fields = "field(s)" if since(version, "1.5.0") else "field"
    return f"VM {fields} {{memory}} conflicts with selected instance type"


def _priority_gate(version: Version) -> GateStage:
    if since(version, "1.9.0"):
        return GateStage.GRADUATED
    return GateStage.LISTED if since(version, "1.7.0") else GateStage.ABSENT
