"""Reasons of the effect blocked: the change is denied, harmful, without effect, or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reasons.reason_entry import (
    MIGRATION_TARGET,
    MIGRATIONS,
    VM_CONTROLLER,
    own,
    recorded,
    source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

BLOCKED: Mapping[Reason, ReasonEntry] = {
    Reason.NOT_FOUND: own(
        "The cluster does not have the object.",
        "Correct its name in Git, or create it; `create: true` lets the reconciler create VMs.",
        "the object is not there",
    ),
    Reason.UNREADABLE: own(
        "A value of the object, in the cluster or in Git, cannot be read.",
        "Correct the value that the message names.",
        "the object is there, and a value in it cannot be read",
    ),
    Reason.BEING_DELETED: recorded(
        "The VM is being deleted.",
        "Remove it from Git, if it is gone on purpose.",
        "delete-during-hotplug, all versions",
    ),
    Reason.SUSPENDED: own(
        "The annotation `memory.reconciler.dev/suspend` is `true`, in Git or on the cluster.",
        "Remove the annotation to let the change happen.",
        "annotation memory.reconciler.dev/suspend",
    ),
    Reason.NOT_STARTING: own(
        "The VM's instance is not up 15 minutes after its creation.",
        "Look at the VM's events and its launcher pod.",
        "an instance that is not up 15 minutes after its creation",
    ),
    Reason.DENIED_ABOVE_MAX_GUEST: recorded(
        "The VM has its own maxGuest, and the webhook denies a size above it.",
        "Lower the size, or raise the VM's maxGuest, which needs a restart.",
        "above-explicit-max-guest, all versions",
    ),
    Reason.DENIED_BY_ADMISSION: source(
        "KubeVirt's webhook denies the change; the message says by which rule.",
        "Follow the hint of the message.",
        "v1.9.0 vms-admitter.go:279-296",
    ),
    Reason.MEMORY_FROM_INSTANCETYPE: recorded(
        "The VM takes its memory from an instancetype, and a guest size beside it is denied.",
        "Name another instancetype in Git instead of `memory.guest`.",
        "instancetype-and-guest, all versions",
    ),
    Reason.INSTANCETYPE_CHANGE: own(
        "Git names an instancetype of another kind, or for a VM that has none. Only the name of"
        " an instancetype that the VM has is written.",
        "Set `spec.instancetype` by hand.",
        "of an instancetype only the name is written",
    ),
    Reason.INSTANCETYPE_NOT_FOUND: source(
        "The instancetype does not exist, and the webhook denies the change.",
        "Correct the name in Git, or create the instancetype.",
        "v1.9.0 pkg/instancetype/webhooks/vm/admitter.go",
    ),
    Reason.INSTANCETYPE_UNREADABLE: own(
        "The instancetypes cannot be read, so the new size is not known.",
        "Grant `list` on the instancetypes of instancetype.kubevirt.io.",
        "what cannot be read cannot be predicted",
    ),
    Reason.LIMITS_OVERCOMMIT: source(
        "The target pod would request more memory than its limit, or the guest would outgrow its"
        " limit, because KubeVirt does not raise the limit of this VM.",
        "Restart the VM with `requests.memory` not below `memory.guest`, or with a higher limit.",
        f"v1.9.0 {VM_CONTROLLER}:3528-3547; that the target pod is then refused is inference",
        since="v1.2.1",
    ),
    Reason.OVERHEAD_OVERCOMMIT: source(
        "The VM has `overcommitGuestOverhead`, so its pod is too small for every plug and one"
        " migration would follow another without effect.",
        "Restart the VM without `overcommitGuestOverhead`.",
        f"v1.9.0 {MIGRATION_TARGET}:1152-1208; the loop is inference",
    ),
    Reason.HOTPLUG_STUCK: recorded(
        "A change to another size is in flight and cannot end. Until it does, KubeVirt refuses"
        " the desired size.",
        "Remove the obstacle that the message names, or restart the VM.",
        "slow-then-second-change, all versions: the refusal; no-update-methods v1.9.0: no end",
    ),
    Reason.NO_LIVE_MIGRATE: recorded(
        "`workloadUpdateMethods` does not list LiveMigrate, so no migration would carry the"
        " change out.",
        "Add LiveMigrate to `workloadUpdateMethods` in the KubeVirt manifest in Git.",
        "no-update-methods, misspelt-update-method v1.9.0",
    ),
    Reason.EVICT_HAZARD: recorded(
        "`workloadUpdateMethods` lists Evict without LiveMigrate: KubeVirt would stop the VM to"
        " give it the memory.",
        "Add LiveMigrate to `workloadUpdateMethods` in the KubeVirt manifest in Git.",
        "evict-only v1.9.0",
    ),
    Reason.NO_OTHER_NODE: source(
        "Only the VM's own node can run VMs, and a migration needs another one.",
        "Add or uncordon a node.",
        f"v1.9.0 {MIGRATIONS}:889-911",
    ),
    Reason.NO_NODE_WITH_ROOM: recorded(
        "No other node has enough free memory for the target pod.",
        "Free memory on another node, or add a node.",
        "target-unschedulable v1.9.0; what a pod asks for: hotplug-succeeds, all versions",
    ),
    Reason.QUOTA_WOULD_REFUSE: recorded(
        "The namespace's ResourceQuota would refuse the target pod. It must hold both pods while"
        " the VM migrates.",
        "Raise the ResourceQuota.",
        "quota-holds-one-pod v1.9.0",
    ),
    Reason.PLUG_REFUSED: recorded(
        "libvirt or QEMU refused to plug the memory. KubeVirt does not try again.",
        "Restart the VM.",
        "plug-refused, all versions",
        since="v1.3",
    ),
    Reason.GUEST_SILENT: source(
        "The memory was plugged, and the guest did not take (or return) all of it within"
        " `rollout.timeouts.guest`. KubeVirt reports nothing in this case.",
        "Check the guest: it needs a virtio-mem driver (Linux 5.8 or newer) and must bring new"
        " memory online.",
        "v1.9.0 pkg/virt-handler/vm.go:1051-1061; kubevirt issue 14095",
    ),
    Reason.MIGRATION_FAILING: recorded(
        "As many migrations as `rollout.failedMigrations` allows failed in a row. KubeVirt"
        " keeps trying.",
        "Find out why the VM cannot migrate; the hint says how to stop the migrations.",
        "migration-fails, all versions",
    ),
    Reason.INEFFECTIVE_MIGRATIONS: source(
        "Two or more migrations succeeded without plugging the memory.",
        "Look at the events of the VirtualMachineInstance for the launcher's memory request.",
        f"v1.9.0 {MIGRATION_TARGET}:1187-1231",
    ),
    Reason.TARGET_UNSCHEDULABLE: recorded(
        "Migrations failed in a row because no node took the target pod.",
        "Free capacity on another node, or look at what keeps the launcher pod from it.",
        "target-unschedulable, all versions",
    ),
    Reason.QUOTA_REFUSED: recorded(
        "The namespace's ResourceQuota refuses the target pod of a migration that has started.",
        "Raise the ResourceQuota; the migration then continues by itself.",
        "quota-holds-one-pod v1.9.0",
    ),
    Reason.OWNED_BY_OTHER: own(
        "HyperConverged owns the KubeVirt CR and reverts direct changes of it.",
        "Make the change in the HyperConverged resource.",
        "HyperConverged reverts direct changes of the CR",
    ),
    Reason.GATE_DISABLED: source(
        "The cluster lists the gate in `disabledFeatureGates`, and a gate in both lists is"
        " denied.",
        "Remove the gate from `disabledFeatureGates` first.",
        "v1.9.0 kubevirt-update-admitter.go:508-532",
        since="v1.8",
    ),
    Reason.UNKNOWN_FIELD: recorded(
        "This KubeVirt version does not have a field that Git names; the server would drop it.",
        "Remove the field from Git, or update KubeVirt.",
        "api mechanics: an unknown field is pruned",
    ),
    Reason.WRONG_KUBEVIRT: own(
        "Git names another KubeVirt CR than the one that the cluster has.",
        "Correct its name and namespace in Git.",
        "Git names another CR",
    ),
    Reason.WOULD_EVICT: recorded(
        "The change of the CR would have KubeVirt stop running VMs at once. The message names"
        " them.",
        "Add LiveMigrate to `workloadUpdateMethods`, or restart or complete those VMs first.",
        "evict-only v1.9.0; old launchers are read from v1.9.0 code",
    ),
}
