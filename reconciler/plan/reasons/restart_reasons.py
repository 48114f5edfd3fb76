"""``RESTARTS``: the reasons why a change needs a restart of the VM.

The API server accepts the change, but it takes effect only at a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reasons.reason_entry import recorded, source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

# fmt: off
RESTARTS: Mapping[Reason, ReasonEntry] = {
    Reason.RESTART_PENDING: recorded("scenario above-max-guest, observed on all tested versions",
        "The VM's spec already has the desired size, and KubeVirt waits for a restart to apply"
        " it.",
        "Restart the VM."),
    Reason.NOT_STARTED: recorded("scenario too-big-then-smaller on v1.9.0",
        "The VM is starting with a larger size than Git sets, and its guest does not run yet, for"
        " example because no node has enough free memory. KubeVirt applies the desired size at"
        " the next start.",
        "Restart the VM; the restart does not disrupt a running guest."),
    Reason.STRATEGY_STAGE: recorded(
        "scenario stage-then-live-update, observed on all tested versions",
        "The rollout strategy is `Stage`, so every change to a VM waits for the VM's next"
        " restart.",
        "Set `vmRolloutStrategy: LiveUpdate` in the KubeVirt manifest in Git.", since="v1.2"),
    Reason.GATE_MISSING: recorded("scenario gate-missing on v1.3.1",
        "The feature gate VMLiveUpdateFeatures is not enabled, so KubeVirt changes nothing live.",
        "Add the feature gate to the KubeVirt manifest in Git.", until="v1.4"),
    Reason.BOOTED_BEFORE: recorded("scenario stage-then-live-update on v1.9.0",
        "The VM booted before LiveUpdate was in effect, so its instance has no maxGuest.",
        "Restart the VM once; after that, its memory can change live."),
    Reason.NO_MAX_GUEST: source("v1.9.0 pkg/defaults/defaults.go:115-135",
        "The VM booted without memory hotplug, because the cluster's maxGuest is below the VM's"
        " size or is not a whole number of memory blocks.",
        "Correct `liveUpdateConfiguration.maxGuest`, then restart the VM."),
    Reason.ABOVE_MAX_GUEST: recorded(
        "scenarios above-max-guest and cluster-maxguest-reached, observed on all tested versions",
        "The new size is above the maxGuest that was fixed when the VM booted.",
        "Restart the VM; it then gets a new maxGuest."),
    Reason.MISALIGNED: recorded("scenario misaligned, observed on all tested versions",
        "The new size is not a whole number of memory blocks: 2Mi, or 1Gi with huge pages of 1Gi."
        " Decimal sizes such as 4G are not whole blocks.",
        "Set the size to a multiple of 2Mi (or of 1Gi with huge pages of 1Gi), or restart the"
        " VM."),
    Reason.BELOW_MINIMUM: source("v1.3.1 pkg/liveupdate/memory/memory.go:104",
        "The new size is below 1Gi, the smallest guest memory that KubeVirt changes live.",
        "Set the size to 1Gi or more, or restart the VM.", since="v1.3.1"),
    Reason.BELOW_BOOT: recorded("scenario shrink-below-boot, observed on all tested versions",
        "The new size is below the memory that the VM booted with. A live change"
        " cannot shrink the guest below its boot memory.",
        "Restart the VM, or set a size of at least its boot memory.", since="v1.2"),
    Reason.NOT_MIGRATABLE: recorded("scenario not-migratable, observed on all tested versions",
        "The VM cannot be live-migrated, and a hotplug needs a migration. KubeVirt v1.2.1 and"
        " v1.2.2 start the change anyway, but the change never ends; on these versions, the VM is"
        " blocked.",
        "Remove the obstacle to the migration that the message names, or restart the VM."),
    Reason.UNSUPPORTED_CONFIGURATION: source("v1.9.0 pkg/liveupdate/memory/memory.go:53-107",
        "The VM's configuration prevents memory hotplug: realtime, NUMA passthrough or launch"
        " security; on old KubeVirt versions also dedicated CPUs, huge pages or a memory limit.",
        "Restart the VM, or remove the setting that the message names."),
    Reason.UNSUPPORTED_ARCHITECTURE: source("v1.9.0 pkg/liveupdate/memory/memory.go:53-107",
        "This KubeVirt version does not hotplug memory into VMs of this CPU architecture.",
        "Restart the VM."),
    Reason.PLUG_FAILED_BEFORE: recorded(
        "scenario plug-refused-then-revert, observed on all tested versions",
        "libvirt or QEMU rejected an earlier hotplug, and KubeVirt changes nothing live until the"
        " VM restarts.",
        "Restart the VM.", since="v1.3"),
    Reason.RESTART_REQUIRED_STICKY: recorded("scenario above-max-then-revert on v1.3.1 and v1.6.3",
        "The VM has the condition RestartRequired. This KubeVirt version keeps the condition"
        " until the VM restarts, and applies no change live before the restart.",
        "Restart the VM, or update KubeVirt to v1.6.4, v1.7.1 or newer, which clear the"
        " condition.", since="v1.2", until="v1.6.3, and v1.7.0"),
    Reason.OTHER_EDIT_PENDING: recorded(
        "scenarios write-maxguest-on-running and mixed-edit-one-patch on v1.9.0",
        "Another edit to the VM waits for a restart. Until the restart, KubeVirt does not change"
        " the memory live.",
        "Restart the VM, or revert the other edit.", since="v1.2"),
    Reason.INSTANCETYPE_DIFFERS: source("v1.9.0 pkg/virt-controller/watch/vm/vm.go:2989-3053",
        "The VM's current instancetype and the one in Git differ in a field that cannot change"
        " live, so the memory cannot change live either.",
        "Choose an instancetype that differs only in its memory, or restart the"
        " VM.", since="v1.3"),
    Reason.INSTANCETYPE_NOT_LIVE: source("v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349",
        "This KubeVirt version does not change memory live when an instancetype sets it.",
        "Update KubeVirt to v1.3 or newer, or restart the VM.", until="v1.2"),
    Reason.GUEST_MEMORY_UNSET: source("v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349",
        "The VM's template does not set `memory.guest`, and this KubeVirt version adds it only at"
        " a restart.",
        "Restart the VM once; after that, its memory can change live.", until="v1.2"),
    Reason.LIVE_UPDATE_FEATURES_UNSET: source("v1.1.0 vms-admitter.go:440-446",
        "The VM does not have `spec.liveUpdateFeatures.memory`, which KubeVirt v1.1"
        " requires for live memory changes.",
        "Set the field and restart the VM, or update KubeVirt to v1.2 or newer.", until="v1.1"),
}
# fmt: on
