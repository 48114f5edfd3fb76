"""Reasons of the effect restart: the API accepts the change, and only a restart applies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reasons.reason_entry import VM_CONTROLLER, recorded, source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

RESTARTS: Mapping[Reason, ReasonEntry] = {
    Reason.RESTART_PENDING: recorded(
        "The VM's spec already has the desired size, and KubeVirt waits for a restart to apply"
        " it.",
        "Restart the VM.",
        "above-max-guest, all versions",
    ),
    Reason.STRATEGY_STAGE: recorded(
        "The rollout strategy is `Stage`, so every change of a VM waits for its next restart.",
        "Set `vmRolloutStrategy: LiveUpdate` in the KubeVirt manifest in Git.",
        "stage-then-live-update, all versions",
        since="v1.2",
    ),
    Reason.GATE_MISSING: recorded(
        "The feature gate VMLiveUpdateFeatures is not enabled, so KubeVirt changes nothing live.",
        "Name the gate in the KubeVirt manifest in Git.",
        "gate-missing v1.3.1",
        until="v1.4",
    ),
    Reason.BOOTED_BEFORE: recorded(
        "The VM booted before LiveUpdate was in force, so its instance has no maxGuest.",
        "Restart the VM once; after that its memory can change live.",
        "stage-then-live-update v1.9.0",
    ),
    Reason.NO_MAX_GUEST: source(
        "The VM booted without capacity for hotplug, because the cluster's maxGuest is below its"
        " size or is not a whole number of memory blocks.",
        "Correct `liveUpdateConfiguration.maxGuest`, then restart the VM.",
        "v1.9.0 pkg/defaults/defaults.go:115-135",
    ),
    Reason.ABOVE_MAX_GUEST: recorded(
        "The new size is above the maxGuest that was fixed when the VM booted.",
        "Restart the VM; it then gets a new maxGuest.",
        "above-max-guest, cluster-maxguest-reached, all versions",
    ),
    Reason.MISALIGNED: recorded(
        "The new size is not a whole number of memory blocks: 2Mi, or 1Gi with huge pages of 1Gi."
        " Decimal sizes such as 4G are not.",
        "Write a multiple of 2Mi (or 1Gi), or restart the VM.",
        "misaligned, all versions",
    ),
    Reason.BELOW_MINIMUM: source(
        "The new size is below 1Gi, the smallest guest memory that KubeVirt changes live.",
        "Write 1Gi or more, or restart the VM.",
        "v1.3.1 pkg/liveupdate/memory/memory.go:104",
        since="v1.3.1",
    ),
    Reason.BELOW_BOOT: recorded(
        "The new size is below the memory that the VM booted with. A guest never shrinks live"
        " below that.",
        "Restart the VM, or ask for at least its boot memory.",
        "shrink-below-boot, all versions",
        since="v1.2",
    ),
    Reason.NOT_MIGRATABLE: recorded(
        "The VM cannot be live-migrated, and a hotplug needs a migration.",
        "Remove what prevents the migration (the message names it), or restart the VM.",
        "not-migratable, all versions",
    ),
    Reason.UNSUPPORTED_CONFIGURATION: source(
        "The VM's configuration rules out memory hotplug: realtime, NUMA passthrough or launch"
        " security; on old versions also dedicated CPUs, huge pages or a memory limit.",
        "Restart the VM, or remove what the message names.",
        "v1.9.0 pkg/liveupdate/memory/memory.go:53-107",
    ),
    Reason.UNSUPPORTED_ARCHITECTURE: source(
        "This KubeVirt version plugs memory only into VMs of other architectures.",
        "Restart the VM.",
        "v1.9.0 pkg/liveupdate/memory/memory.go:53-107",
    ),
    Reason.PLUG_FAILED_BEFORE: recorded(
        "libvirt or QEMU refused an earlier plug, and KubeVirt changes nothing live after that.",
        "Restart the VM.",
        "plug-refused-then-revert, all versions",
        since="v1.3",
    ),
    Reason.RESTART_REQUIRED_STICKY: recorded(
        "The VM has the condition RestartRequired. This KubeVirt version keeps it until the VM"
        " restarts, and skips every live change while it is there.",
        "Restart the VM, or update to v1.6.4, v1.7.1 or newer, which clear the condition.",
        "above-max-then-revert v1.3.1, v1.6.3",
        since="v1.2",
        until="v1.6.3, and v1.7.0",
    ),
    Reason.OTHER_EDIT_PENDING: recorded(
        "Another edit of the VM waits for a restart. While it does, the memory does not change"
        " live either.",
        "Restart the VM, or revert the other edit.",
        "write-maxguest-on-running, mixed-edit-one-patch v1.9.0",
        since="v1.2",
    ),
    Reason.INSTANCETYPE_DIFFERS: source(
        "The two instancetypes differ in a field that cannot change live, which blocks the memory"
        " change as well.",
        "Choose an instancetype that differs only in its memory, or restart the VM.",
        f"v1.9.0 {VM_CONTROLLER}:2989-3053",
        since="v1.2.1",
    ),
    Reason.INSTANCETYPE_NOT_LIVE: source(
        "This KubeVirt version does not change the size of an instancetype live.",
        "Update KubeVirt to v1.2.1 or newer, or restart the VM.",
        "inference from v1.2.0 vms-admitter.go:430-567",
        until="v1.2.0",
    ),
    Reason.LIVE_UPDATE_FEATURES_UNSET: source(
        "The VM does not have `spec.liveUpdateFeatures.memory`, without which KubeVirt v1.1"
        " changes no memory live.",
        "Set the field and restart the VM, or update KubeVirt.",
        "v1.1.0 vms-admitter.go:440-446",
        until="v1.1",
    ),
}
