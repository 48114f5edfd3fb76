"""``fate_of``: predicts what KubeVirt's workload updater does with a VM that needs an update."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.live.conditions import HOT_MEMORY_CHANGE, is_false, is_true
from reconciler.plan.behaviour.effective_config import EVICT, LIVE_MIGRATE

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveVMI
    from reconciler.plan.behaviour.effective_config import EffectiveConfig

OUTDATED = "kubevirt.io/outdatedLauncherImage"
"""The label of a VMI whose launcher pod was created by another KubeVirt version.

Source: kubevirt v1.9.0 pkg/virt-controller/watch/vmi (setLauncherContainerInfo).
"""
CHANGES = (HOT_MEMORY_CHANGE, "HotVCPUChange", "VolumesChange", "MigrationRequired")
"""The VMI conditions that show that a change waits for a migration.

Source: kubevirt v1.9.0 pkg/virt-controller/watch/workload-updater/workload-updater.go:366-428.
"""


class Fate(StrEnum):
    """What KubeVirt's workload updater can do with a VM that needs an update."""

    MIGRATED = "migrated"
    EVACUATED = "evacuated"
    """The workload updater evicts the VM; the webhook turns the eviction into a migration."""
    KILLED = "killed"
    """The workload updater evicts the VM, so the guest stops, and might not start again."""
    KEPT = "kept"
    """The workload updater tries to evict the VM, but the webhook denies the eviction."""
    LEFT = "left"
    """The workload updater neither migrates nor evicts the VM."""


def fate_of(vmi: LiveVMI, config: EffectiveConfig) -> Fate:
    """Return what KubeVirt's workload updater does with a VM instance that needs an update.

    Until KubeVirt reports whether a VM can migrate, the VM counts as migratable. With the eviction
    strategy External, the webhook denies the eviction, and another controller must evacuate the
    VM.

    Source: kubevirt v1.9.0
    pkg/virt-controller/watch/workload-updater/workload-updater.go:366-428 and
    pkg/virt-api/webhooks/validating-webhook/admitters/pod-eviction-admitter.go:127-183;
    observed on KubeVirt v1.9.0: the VM is killed (scenario evict-only).
    """
    migratable = not is_false(vmi.conditions, "LiveMigratable")
    if LIVE_MIGRATE in config.methods and migratable:
        return Fate.MIGRATED
    if EVICT not in config.methods:
        return Fate.LEFT
    match vmi.eviction_strategy or config.eviction_strategy:
        case "LiveMigrate":
            return Fate.EVACUATED if migratable else Fate.KEPT
        case "LiveMigrateIfPossible":
            return Fate.EVACUATED if migratable else Fate.KILLED
        case "External":
            return Fate.KEPT
        case _:
            return Fate.KILLED


def waits_for(vmi: LiveVMI) -> str:
    """Return why the workload updater would update a VM instance now, or an empty string."""
    if vmi.phase != "Running" or vmi.deleting:
        return ""
    if any(is_true(vmi.conditions, each) for each in CHANGES):
        return "an unfinished change"
    return "an outdated launcher pod" if OUTDATED in vmi.labels else ""
