"""``Capabilities``: what a KubeVirt version can do with the feature gates that are enabled.

A table has a row for each capability, and a source for each value. Planning rules read
capabilities and never compare versions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from reconciler.model.fields import FEATURE_GATES, NameSet
from reconciler.model.memory_sizes import MINIMUM
from reconciler.model.quantity import MIB
from reconciler.plan.behaviour.platform import DECKHOUSE_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.live.live_state import LiveKubeVirt

T = TypeVar("T")
Version: TypeAlias = tuple[int, int, int]
Row: TypeAlias = tuple[tuple[Version, T, str], ...]
"""The values of a capability; each value has a source and applies from a KubeVirt version on."""

LIVE_UPDATE_GATE = "VMLiveUpdateFeatures"
MULTI_ARCHITECTURE_GATE = "MultiArchitecture"
IN_PLACE_GATE = "InPlaceHotplug"
DECKHOUSE_IN_PLACE_GATE = "InPlaceResize"
"""The feature gate of Deckhouse's KubeVirt fork that lets memory grow in the running pod.

Deckhouse enables the feature gate if ``featureGates`` of the ModuleConfig virtualization contains
HotplugCPUAndMemoryWithInPlaceResize.
"""
IN_PLACE_GATES = (IN_PLACE_GATE, DECKHOUSE_IN_PLACE_GATE)
OLDEST_KNOWN: Version = (1, 1, 0)
NEWEST_KNOWN: Version = (1, 9, 0)


class Instancetype(StrEnum):
    """The patch that a KubeVirt version requires to change a VM's instancetype live."""

    DENIED = "denied"
    DROP_REVISION = "drop-revision"
    """The patch that changes the instancetype's name must also remove ``revisionName``."""
    NAME_ALONE = "name-alone"


class GateStage(StrEnum):
    """The stage of a feature gate in a KubeVirt version, such as alpha, beta or graduated."""

    ABSENT = "absent"
    """KubeVirt does not know the feature gate and ignores its name."""
    LISTED = "listed"
    """The feature gate is on only if ``featureGates`` lists it (alpha; before v1.9, also beta)."""
    DEFAULT_ON = "default-on"
    """The feature gate is on unless ``disabledFeatureGates`` lists it (beta since v1.9.0)."""
    GRADUATED = "graduated"
    """The feature gate is always on, even if ``disabledFeatureGates`` lists it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The capabilities of a cluster's KubeVirt, with its version and its feature gates."""

    version: Version
    """The reported KubeVirt version, or the known version whose capabilities are used instead."""
    known: bool
    """Whether the capabilities of the reported KubeVirt version are known."""
    live_update_gate: bool
    """Whether the feature gate ``VMLiveUpdateFeatures``, which LiveUpdate needs, is on."""
    graduated_gates: frozenset[str]
    """The feature gates that are always on, so ``featureGates`` does not need to list them."""
    strategy_field: bool
    """Whether the KubeVirt CR has the field ``spec.configuration.vmRolloutStrategy``."""
    default_strategy: str
    """The rollout strategy that applies if ``vmRolloutStrategy`` is not set."""
    architectures: frozenset[str]
    """The CPU architectures on which KubeVirt can hotplug memory."""
    start_architectures: frozenset[str]
    """The CPU architectures on which a starting VM gets a maxGuest, which hotplug requires."""
    multi_architecture: bool
    """Whether the webhook accepts a VM whose CPU architecture differs from virt-api's."""
    in_place_gate: str
    """The feature gate that lets memory grow in the running pod; empty if none is enabled.

    How memory grows with this gate is inferred from VEP 45.
    """
    minimum_guest: int
    """The smallest guest memory in bytes that can change live; 0 for no minimum."""
    hugepages: bool
    dedicated_cpus: bool
    memory_limits: bool
    """Whether KubeVirt can hotplug memory into a VM with ``resources.limits.memory``."""
    pluggability_checked: bool
    """Whether virt-controller requires a restart for every size that it cannot hotplug.

    If false, only sizes below the boot size or above maxGuest require a restart.
    """
    guest_above_limit: bool
    """Whether the webhook accepts guest memory above the VM's memory limit under LiveUpdate."""
    live_update_per_vm: bool
    """Whether memory can change live only in VMs with ``spec.liveUpdateFeatures.memory``."""
    restart_self_clears: bool
    """Whether KubeVirt removes the condition RestartRequired when no change needs a restart."""
    shrink_below_boot_denied: bool
    """Whether the webhook denies sizes below the boot size; if not, such sizes need a restart."""
    instancetype: Instancetype
    template_without_memory_live: bool
    """Whether memory can change live if only the instancetype sets it, and not the VM template."""
    gate_overlap_denied: bool
    """Whether a KubeVirt CR is denied if it both enables and disables the same feature gate."""
    allow_workload_disruption: bool
    """Whether the KubeVirt CR has the field ``migrations.allowWorkloadDisruption``."""
    completion_timeout_per_gib_s: int
    """The default of ``migrations.completionTimeoutPerGiB``, in seconds."""
    update_backoff: bool
    """Whether KubeVirt retries a failed update migration with increasing delays."""
    same_cpu_vendor: bool
    """Whether a migration's target node must have the same CPU vendor as the source node."""
    launcher_overhead: int
    """The bytes that virt-launcher, its monitor, virtlogd, virtqemud and QEMU add to a pod."""
    graphics_overhead: int
    """The bytes that a graphics device adds to a launcher pod."""
    dedicated_cpus_in_ratio: bool
    """Whether ``additionalGuestMemoryOverheadRatio`` also applies to dedicated CPUs' overhead."""


_AMD64 = frozenset({"amd64"})
_AMD64_ARM64 = frozenset({"amd64", "arm64"})

LIVE_UPDATE_GATE_STAGE = (
    ((1, 1, 0), GateStage.LISTED, "v1.1.0 pkg/virt-api/webhooks/.../vms-admitter.go:440-446"),
    (
        (1, 5, 0),
        GateStage.GRADUATED,
        "v1.5.0 pkg/virt-config/featuregate/inactive.go:98; observed on v1.6.3",
    ),
)
STRATEGY_FIELD = (
    ((1, 1, 0), False, "v1.1.0 staging/src/kubevirt.io/api/core/v1/types.go"),
    ((1, 2, 0), True, "v1.2.0 pkg/virt-config/virt-config.go:89"),
)
DEFAULT_STRATEGY = (
    ((1, 1, 0), "Stage", "v1.2.0 pkg/virt-config/virt-config.go:89; v1.5.0 :93"),
    ((1, 6, 0), "LiveUpdate", "v1.6.0 pkg/virt-config/virt-config.go:93"),
)
ARCHITECTURES = (
    ((1, 1, 0), _AMD64, "v1.1.0 pkg/virt-api/webhooks/.../vms-admitter.go"),
    ((1, 3, 0), _AMD64_ARM64, "v1.3.0 pkg/liveupdate/memory/memory.go"),
    ((1, 5, 3), _AMD64, "v1.5.3 pkg/liveupdate/memory/memory.go:99"),
    ((1, 6, 0), _AMD64_ARM64, "v1.6.0 pkg/liveupdate/memory/memory.go still allows arm64"),
    ((1, 6, 1), _AMD64, "v1.6.1 pkg/liveupdate/memory/memory.go:99"),
)
START_ARCHITECTURES = (
    ((1, 1, 0), _AMD64, "v1.1.0 pkg/virt-api/webhooks/.../vms-admitter.go"),
    ((1, 3, 0), _AMD64_ARM64, "v1.3.0 pkg/virt-api/webhooks/defaults.go:79-98"),
    ((1, 5, 3), _AMD64, "v1.5.3 pkg/liveupdate/memory/memory.go:99; v1.6.0 defaults.go:122"),
)
MULTI_ARCHITECTURE_GATE_STAGE = (
    ((1, 1, 0), GateStage.LISTED, "observed on v1.3.1 and v1.6.3: an arm64 VM needs the gate"),
    ((1, 8, 0), GateStage.GRADUATED, "the gate is deprecated since v1.8.0; observed on v1.9.0"),
)
MINIMUM_GUEST = (
    ((1, 1, 0), 0, "v1.3.0 pkg/liveupdate/memory/memory.go does not check this"),
    ((1, 3, 1), MINIMUM, "v1.3.1 pkg/liveupdate/memory/memory.go:104"),
)
HUGEPAGES = (
    ((1, 1, 0), False, "v1.1.0 vms-admitter.go:456-592"),
    ((1, 3, 0), True, "v1.3.0 pkg/liveupdate/memory/memory.go; observed on v1.3.1"),
)
DEDICATED_CPUS = (
    ((1, 1, 0), False, "v1.1.0 vms-admitter.go:456-592"),
    ((1, 3, 0), True, "kubevirt PR 12128; observed on v1.3.1"),
)
MEMORY_LIMITS = (
    ((1, 1, 0), False, "v1.1.0 vms-admitter.go:456-592, v1.2.0 :430-567"),
    (
        (1, 2, 1),
        True,
        "kubevirt PR 11498; observed on v1.3.1 (scenario limits-memory-below)",
    ),
)
PLUGGABILITY_CHECKED = (
    ((1, 1, 0), True, "v1.1.0 vms-admitter.go:456-592; v1.2.0 :430-567"),
    ((1, 2, 1), False, "v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349; observed on v1.2.2"),
    ((1, 3, 0), True, "v1.3.0 pkg/liveupdate/memory/memory.go; observed on v1.3.1"),
)
GUEST_ABOVE_LIMIT = (
    ((1, 1, 0), False, "v1.2.0 vms-admitter.go:430-567"),
    ((1, 2, 1), True, "observed on v1.2.2; v1.9.0 vmi-create-admitter.go:1024"),
)
LIVE_UPDATE_PER_VM = (
    ((1, 1, 0), True, "v1.1.0 staging/src/kubevirt.io/api/core/v1/types.go"),
    ((1, 2, 0), False, "v1.2.0 types.go does not have the field"),
)
RESTART_SELF_CLEARS = (
    ((1, 1, 0), False, "observed on v1.3.1 and v1.6.3 (scenario above-max-then-revert)"),
    ((1, 6, 4), True, "v1.6.4 pkg/virt-controller/watch/vm/vm.go:2977"),
    ((1, 7, 0), False, "v1.7.0 pkg/virt-controller/watch/vm/vm.go"),
    ((1, 7, 1), True, "v1.7.1 pkg/virt-controller/watch/vm/vm.go:2987; observed on v1.7.4"),
)
SHRINK_BELOW_BOOT_DENIED = (
    ((1, 1, 0), True, "v1.1.0 vms-admitter.go:865-939"),
    ((1, 2, 0), False, "observed on v1.3.1 (scenario shrink-below-boot)"),
)
INSTANCETYPE = (
    ((1, 1, 0), Instancetype.DENIED, "v1.1.0 vms-admitter.go:456-592"),
    ((1, 2, 1), Instancetype.DROP_REVISION, "v1.2.1 vms-admitter.go; observed on v1.3.1"),
    ((1, 5, 0), Instancetype.NAME_ALONE, "v1.9.0 tests/hotplug/instancetype.go:128; recorded"),
)
TEMPLATE_WITHOUT_MEMORY_LIVE = (
    ((1, 1, 0), False, "v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349 reads only the template"),
    ((1, 3, 0), True, "v1.3.0 tests/hotplug/instancetype.go:140-142; observed on v1.6.3"),
)
GATE_OVERLAP_DENIED = (
    (
        (1, 1, 0),
        False,
        "v1.7.0 has the field, but not this check; older versions do not have the field",
    ),
    ((1, 8, 0), True, "v1.8.0 kubevirt-update-admitter.go; v1.9.0 :508-532"),
)
ALLOW_WORKLOAD_DISRUPTION = (
    ((1, 1, 0), False, "v1.4.0 types.go does not have the field"),
    ((1, 5, 0), True, "v1.5.0 pkg/virt-config/virt-config.go:175-187"),
)
COMPLETION_TIMEOUT_PER_GIB = (
    ((1, 1, 0), 800, "v1.3.0 pkg/virt-config/virt-config.go"),
    ((1, 4, 0), 150, "v1.4.0 pkg/virt-config/virt-config.go:44-52"),
)
UPDATE_BACKOFF = (
    ((1, 1, 0), False, "v1.3.0 pkg/virt-controller/watch/migration.go"),
    ((1, 3, 1), True, "observed on v1.3.1 (scenario migration-fails); kubevirt PR 12336"),
)
SAME_CPU_VENDOR = (
    ((1, 1, 0), False, "no version before v1.9 is known to require the same CPU vendor"),
    ((1, 9, 0), True, "v1.9.0 pkg/virt-controller/watch/migration/migration.go:986-1005"),
)
LAUNCHER_OVERHEAD = (
    ((1, 1, 0), 210 * MIB, "v1.4.0 pkg/virt-controller/services/template.go; observed on v1.3.1"),
    ((1, 4, 1), 215 * MIB, "observed on v1.4.1"),
    ((1, 5, 0), 220 * MIB, "v1.9.0 pkg/hypervisor/kvm/hypervisorbackend.go; observed on v1.6.3"),
)
GRAPHICS_OVERHEAD = (
    ((1, 1, 0), 16 * MIB, "v1.5.0 pkg/virt-controller/services/template.go; observed on v1.3.1"),
    ((1, 6, 0), 32 * MIB, "v1.9.0 pkg/hypervisor/kvm/hypervisorbackend.go; observed on v1.6.3"),
)
DEDICATED_CPUS_IN_RATIO = (
    ((1, 1, 0), False, "v1.5.0 pkg/virt-controller/services/renderresources.go"),
    ((1, 6, 0), True, "v1.9.0 pkg/hypervisor/kvm/hypervisorbackend.go:37-178"),
)


IN_PLACE_GATE_STAGE = (
    ((1, 1, 0), GateStage.ABSENT, "the gate is not in the code of v1.1.0 to v1.8.4"),
    (
        (1, 9, 0),
        GateStage.LISTED,
        "inferred from kubevirt/enhancements PR 46 (VEP 45), deferred; no release has the gate",
    ),
)
DECKHOUSE_IN_PLACE_GATE_STAGE = (
    (
        (1, 1, 0),
        GateStage.ABSENT,
        "only in Deckhouse's fork, since v1.10.0 of its module virtualization",
    ),
    (
        (1, 6, 0),
        GateStage.LISTED,
        "deckhouse/virtualization templates/kubevirt/_kubevirt_helpers.tpl (KubeVirt 1.6.2)",
    ),
)
GATES: Mapping[str, Row[GateStage]] = {
    LIVE_UPDATE_GATE: LIVE_UPDATE_GATE_STAGE,
    MULTI_ARCHITECTURE_GATE: MULTI_ARCHITECTURE_GATE_STAGE,
    IN_PLACE_GATE: IN_PLACE_GATE_STAGE,
    DECKHOUSE_IN_PLACE_GATE: DECKHOUSE_IN_PLACE_GATE_STAGE,
}
"""The stage of each feature gate on which a capability depends, by KubeVirt version."""


def capabilities_of(kubevirt: LiveKubeVirt) -> Capabilities:
    """Return the capabilities of the KubeVirt version and feature gates in the KubeVirt CR.

    A gate of Deckhouse's fork counts only in the namespace in which Deckhouse installs KubeVirt,
    because KubeVirt ignores the names of gates that it does not know.
    """
    gates = kubevirt.settings.get(FEATURE_GATES)
    listed = gates.names if isinstance(gates, NameSet) else frozenset[str]()
    names = frozenset(GATES)
    if kubevirt.ref.namespace != DECKHOUSE_NAMESPACE:
        names -= {DECKHOUSE_IN_PLACE_GATE}
    return capabilities_with(kubevirt.version, names & listed, names & kubevirt.disabled_gates)


@lru_cache(maxsize=16)
def capabilities_with(
    reported: str,
    listed: frozenset[str] = frozenset(),
    disabled: frozenset[str] = frozenset(),
) -> Capabilities:
    """Return the capabilities of a KubeVirt version with the given feature gates.

    An unknown or newer version counts as the newest known version; an older version counts as the
    oldest known version. In these cases, ``known`` is false.
    """
    parsed = parse_version(reported)
    version = NEWEST_KNOWN if parsed is None else min(max(parsed, OLDEST_KNOWN), _NEWEST_PATCH)
    known = parsed is not None and OLDEST_KNOWN[:2] <= parsed[:2] <= NEWEST_KNOWN[:2]
    stages = {name: _cell(row, version) for name, row in GATES.items()}
    on = {name for name, stage in stages.items() if gate_on(name, stage, listed, disabled)}
    return Capabilities(
        version=version,
        known=known,
        live_update_gate=LIVE_UPDATE_GATE in on,
        graduated_gates=frozenset(
            name for name, stage in stages.items() if stage is GateStage.GRADUATED
        ),
        strategy_field=_cell(STRATEGY_FIELD, version),
        default_strategy=_cell(DEFAULT_STRATEGY, version),
        architectures=_cell(ARCHITECTURES, version),
        start_architectures=_cell(START_ARCHITECTURES, version),
        multi_architecture=MULTI_ARCHITECTURE_GATE in on,
        in_place_gate=next((each for each in IN_PLACE_GATES if each in on), ""),
        minimum_guest=_cell(MINIMUM_GUEST, version),
        hugepages=_cell(HUGEPAGES, version),
        dedicated_cpus=_cell(DEDICATED_CPUS, version),
        memory_limits=_cell(MEMORY_LIMITS, version),
        pluggability_checked=_cell(PLUGGABILITY_CHECKED, version),
        guest_above_limit=_cell(GUEST_ABOVE_LIMIT, version),
        live_update_per_vm=_cell(LIVE_UPDATE_PER_VM, version),
        restart_self_clears=_cell(RESTART_SELF_CLEARS, version),
        shrink_below_boot_denied=_cell(SHRINK_BELOW_BOOT_DENIED, version),
        instancetype=_cell(INSTANCETYPE, version),
        template_without_memory_live=_cell(TEMPLATE_WITHOUT_MEMORY_LIVE, version),
        gate_overlap_denied=_cell(GATE_OVERLAP_DENIED, version),
        allow_workload_disruption=_cell(ALLOW_WORKLOAD_DISRUPTION, version),
        completion_timeout_per_gib_s=_cell(COMPLETION_TIMEOUT_PER_GIB, version),
        update_backoff=_cell(UPDATE_BACKOFF, version),
        same_cpu_vendor=_cell(SAME_CPU_VENDOR, version),
        launcher_overhead=_cell(LAUNCHER_OVERHEAD, version),
        graphics_overhead=_cell(GRAPHICS_OVERHEAD, version),
        dedicated_cpus_in_ratio=_cell(DEDICATED_CPUS_IN_RATIO, version),
    )


def gate_on(name: str, stage: GateStage, listed: frozenset[str], disabled: frozenset[str]) -> bool:
    """Return whether a feature gate is on; a gate that is both enabled and disabled is on.

    Source: kubevirt v1.9.0 pkg/virt-config/featuregate/feature-gates.go:89-112; v1.8.0
    pkg/virt-config/feature-gates.go:32-46 ignores beta gates that are not listed.
    """
    match stage:
        case GateStage.GRADUATED:
            return True
        case GateStage.ABSENT:
            return False
        case GateStage.LISTED:
            return name in listed
        case GateStage.DEFAULT_ON:
            return name in listed or name not in disabled


def parse_version(reported: str) -> Version | None:
    """Parse a version such as ``v1.9.0`` or ``1.9.0-rc.2``; return None for other strings.

    ``v0.0.0`` counts as unknown, because a build without a version reports it.
    """
    match = re.match(r"v?([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})(?:$|[-+])", reported)
    version = (int(match[1]), int(match[2]), int(match[3])) if match else None
    return None if version == (0, 0, 0) else version


_NEWEST_PATCH: Version = (NEWEST_KNOWN[0], NEWEST_KNOWN[1], 10**6)


def _cell(row: Row[T], version: Version) -> T:
    """Return the value of a capability in one KubeVirt version."""
    return next(value for since, value, _source in reversed(row) if since <= version)
