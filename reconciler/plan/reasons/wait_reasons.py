"""Reasons of the effect wait: the change becomes possible without intervention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reasons.reason_entry import (
    MIGRATIONS,
    UPDATER,
    VM_CONTROLLER,
    own,
    recorded,
    source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

WAITS: Mapping[Reason, ReasonEntry] = {
    Reason.IN_FLIGHT: recorded(
        "The desired size is written, and KubeVirt is applying it.",
        "",
        "hotplug-succeeds, all versions",
    ),
    Reason.MIGRATION_RETRYING: recorded(
        "A migration for this change failed, and KubeVirt tries again.",
        "Look at the failure that the message quotes.",
        "migration-fails, all versions",
    ),
    Reason.GUEST_ACCEPTING: recorded(
        "The memory is plugged, and the guest has not taken (or returned) all of it yet.",
        "",
        "hotplug-succeeds: guestCurrent comes after Succeeded",
    ),
    Reason.HOTPLUG_IN_FLIGHT: recorded(
        "A change to another size is in flight. It cannot be cancelled, and KubeVirt refuses a"
        " second one until it has ended.",
        "",
        "slow-then-second-change, all versions",
    ),
    Reason.MIGRATION_IN_FLIGHT: source(
        "The VM is migrating for another reason. KubeVirt changes no memory during a migration.",
        "",
        f"v1.9.0 {VM_CONTROLLER}:3484-3487",
    ),
    Reason.STARTING: source(
        "The VM is starting, and its instance does not report its memory yet.",
        "",
        f"v1.9.0 {VM_CONTROLLER}:3444-3460",
    ),
    Reason.RESTARTING: source(
        "A restart was requested, and the VM starts with the size in its spec.",
        "",
        "v1.9.0 pkg/virt-api/rest/lifecycle.go: stateChangeRequests",
    ),
    Reason.LIVE_AT_NEXT_SYNC: source(
        "The size was written while LiveUpdate was not in force. KubeVirt applies it live when it"
        " next looks at the VM, within 12 hours.",
        "Set a label or an annotation on the VM, and KubeVirt looks at it now.",
        f"v1.9.0 {VM_CONTROLLER}:2989-3061,3577-3599",
        since="v1.2",
    ),
    Reason.BACKUP_RUNNING: source(
        "A backup of the VM is running, and migrations wait for it.",
        "",
        f"v1.8.0 {MIGRATIONS}; v1.9.0 :1581-1645",
        since="v1.8",
    ),
    Reason.MIGRATABILITY_UNKNOWN: source(
        "KubeVirt has not reported yet whether the VM can migrate. A patch now would ask for a"
        " restart.",
        "",
        f"v1.9.0 {VM_CONTROLLER}:3475",
    ),
    Reason.KUBEVIRT_NOT_SETTLED: source(
        "KubeVirt is being deployed or updated, and starts no migration until that is done.",
        "",
        f"v1.9.0 {UPDATER}:450-455",
    ),
    Reason.WAITS_FOR_ROOM: own(
        "No node or quota has capacity for the target pod now, but migrations that are under way"
        " will free some.",
        "",
        "the missing capacity is held by migrations under way",
    ),
}
