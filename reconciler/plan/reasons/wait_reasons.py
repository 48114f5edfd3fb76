"""``WAITS``: the reasons why a change must wait until it becomes possible by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reasons.reason_entry import own, recorded, source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

# fmt: off
WAITS: Mapping[Reason, ReasonEntry] = {
    Reason.IN_FLIGHT: recorded("scenario hotplug-succeeds, observed on all tested versions",
        "The VM's spec has the size that Git sets, and KubeVirt is applying it."),
    Reason.MIGRATION_RETRYING: recorded(
        "scenario migration-fails, observed on all tested versions",
        "A migration for this change failed, and KubeVirt retries it.",
        "Check the cause of the failed migration, which the message quotes."),
    Reason.GUEST_ACCEPTING: recorded(
        "scenario hotplug-succeeds: guestCurrent changes after the phase Succeeded",
        "KubeVirt has changed the memory, but the guest does not use all added memory yet, or has"
        " not released all removed memory yet."),
    Reason.HOTPLUG_IN_FLIGHT: recorded(
        "scenario slow-then-second-change, observed on all tested versions",
        "A change to a different size is in progress. KubeVirt cannot cancel it, and rejects a"
        " second change until the first one has ended."),
    Reason.MIGRATION_IN_FLIGHT: source("v1.9.0 pkg/virt-controller/watch/vm/vm.go:3484-3487",
        "The VM is migrating for another reason. KubeVirt changes no memory during a migration."),
    Reason.STARTING: source("v1.9.0 pkg/virt-controller/watch/vm/vm.go:3444-3460",
        "The VM is starting, and its instance does not report its memory yet."),
    Reason.RESTARTING: source("v1.9.0 pkg/virt-api/rest/lifecycle.go: stateChangeRequests",
        "A restart of the VM was requested. The VM starts again with the size in its spec."),
    Reason.LIVE_AT_NEXT_SYNC: source(
        "v1.9.0 pkg/virt-controller/watch/vm/vm.go:2989-3061,3577-3599",
        "The size was written while LiveUpdate was not in effect. KubeVirt applies the size live"
        " when it next syncs the VM, within 12 hours.",
        "Set a label or an annotation on the VM to make KubeVirt sync the VM now.", since="v1.2"),
    Reason.BACKUP_RUNNING: source(
        "v1.8.0 pkg/virt-controller/watch/migration/migration.go; v1.9.0 :1581-1645",
        "A backup of the VM is running, and KubeVirt starts the VM's migrations only after the"
        " backup.", since="v1.8"),
    Reason.MIGRATABILITY_UNKNOWN: source("v1.9.0 pkg/virt-controller/watch/vm/vm.go:3475",
        "KubeVirt has not reported yet whether the VM can migrate. A patch now would require a"
        " restart."),
    Reason.KUBEVIRT_NOT_SETTLED: source(
        "v1.9.0 pkg/virt-controller/watch/workload-updater/workload-updater.go:450-455",
        "KubeVirt is being deployed or updated, and starts no migrations until it has applied the"
        " KubeVirt CR."),
    Reason.OWNER_NOT_SETTLED: source(
        "HyperConverged api/v1 hyperconverged_types.go (conditions, observedGeneration)",
        "The operator that owns the KubeVirt CR has not applied its own object to the CR yet.",
        "If this lasts, check the operator's pod and log."),
    Reason.WAITS_FOR_ROOM: own("running migrations use the capacity that the target pod needs",
        "No node has enough free memory for the target pod now, or a quota would reject or"
        " hold the pod, but running migrations will release enough capacity."),
}
# fmt: on
