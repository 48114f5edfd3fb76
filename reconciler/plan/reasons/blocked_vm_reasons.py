"""``BLOCKED_VMS``: the reasons why a change to a VM is blocked.

The change would be denied, be harmful or have no effect, or it has failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reasons.reason_entry import own, recorded, source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

# fmt: off
BLOCKED_VMS: Mapping[Reason, ReasonEntry] = {
    Reason.NOT_FOUND: own("the object does not exist",
        "The object in Git does not exist in the cluster.",
        "Correct the name in Git, or create the object; `create: true` lets the reconciler create"
        " VMs."),
    Reason.INVALID_MANIFEST: own("a manifest with one error may contain other errors",
        "The manifest in Git has an error, so the object is left unchanged. Other objects are not"
        " affected. An invalid KubeVirt manifest leaves the CR unchanged.",
        "Correct the manifest in Git; `reconciler validate` shows each error with its location."),
    Reason.UNREADABLE: own("the object exists, and a value in it cannot be read",
        "A value of the object in the cluster cannot be read.",
        "Correct the value that the message mentions."),
    Reason.BEING_DELETED: recorded(
        "scenario delete-during-hotplug, observed on all tested versions",
        "The VM is being deleted.",
        "Remove the VM from Git if it was deleted on purpose."),
    Reason.NOT_STARTING: own("the reconciler's own limit of 15 minutes",
        "The VM's instance is not ready 15 minutes after its creation.",
        "Check the VM's events and its launcher pod."),
    Reason.DENIED_ABOVE_MAX_GUEST: recorded(
        "scenario above-explicit-max-guest, observed on all tested versions",
        "The VM has its own maxGuest, and the webhook denies a larger size.",
        "Lower the size, or raise the VM's maxGuest, which needs a restart."),
    Reason.DENIED_BY_ADMISSION: source(
        "v1.9.0 vms-admitter.go:279-296; Harvester: the enhancement proposal in issue 7315"
        " (size; that only running VMs are concerned is an inference) and v1.6"
        " pkg/controller/master/setting/max_hotplug_ratio.go (ratio)",
        "KubeVirt's webhook denies the change; the plan's message says why. Harvester's webhooks"
        " deny a smaller size of a running VM with the annotation"
        " `harvesterhci.io/enableCPUAndMemoryHotplug`, a size above its `maxGuest`, and a"
        " `maxHotplugRatio` below 1 or above 20.",
        "Follow the hint below the message in the plan."),
    Reason.MEMORY_FROM_INSTANCETYPE: recorded(
        "scenario instancetype-and-guest, observed on all tested versions",
        "An instancetype sets the VM's memory, and the webhook denies `memory.guest` in the same"
        " VM.",
        "Set another instancetype in Git instead of `memory.guest`."),
    Reason.INSTANCETYPE_CHANGE: own("only the name of an instancetype is written",
        "Git sets an instancetype of another kind, or sets an instancetype for a VM that has none."
        " The reconciler changes only the name of the VM's instancetype.",
        "Set `spec.instancetype` by hand."),
    Reason.INSTANCETYPE_NOT_FOUND: source("v1.9.0 pkg/instancetype/webhooks/vm/admitter.go",
        "The instancetype does not exist, and the webhook denies the change.",
        "Correct the name in Git, or create the instancetype."),
    Reason.INSTANCETYPE_UNREADABLE: own(
        "the effect of an instancetype that cannot be read is unknown",
        "The instancetypes cannot be read, so the size that Git sets is unknown.",
        "Grant `list` on the instancetypes of instancetype.kubevirt.io."),
    Reason.LIMITS_OVERCOMMIT: source(
        "v1.9.0 pkg/virt-controller/watch/vm/vm.go:3528-3547; the API server's rejection of the"
        " target pod is inferred",
        "The target pod would request more memory than its limit, or the guest would outgrow its"
        " limit, because KubeVirt does not raise the limit of this VM.",
        "Set `requests.memory` to at least `memory.guest`, or raise the limit; then restart the "
        "VM.", since="v1.2.1"),
    Reason.OVERHEAD_OVERCOMMIT: source(
        "v1.9.0 pkg/virt-handler/migration-target.go:1152-1208; the repeated migration is"
        " inferred",
        "The VM has `overcommitGuestOverhead`, so its pod is too small for every hotplug, and"
        " KubeVirt would migrate the VM repeatedly without effect.",
        "Restart the VM without `overcommitGuestOverhead`."),
    Reason.HOTPLUG_STUCK: recorded(
        "scenarios slow-then-second-change, observed on all tested versions (the rejection) and "
        "no-update-methods on v1.9.0 (the change never ends)",
        "A change to another size is in flight and cannot complete. Until it ends, KubeVirt "
        "rejects the desired size.",
        "Remove the obstacle that the message mentions, or restart the VM."),
    Reason.NO_LIVE_MIGRATE: recorded(
        "scenarios no-update-methods and misspelt-update-method on v1.9.0; the upgrade of"
        " Harvester: its PRs 10386 and 10944",
        "`workloadUpdateMethods` does not list LiveMigrate, so no migration would carry out the"
        " change. An upgrade to Harvester v1.8 or newer empties the list and restores it at its"
        " end; the plan names this possibility and does not read the Upgrade object.",
        "Add LiveMigrate to `workloadUpdateMethods` in the KubeVirt manifest in Git."),
    Reason.EVICT_HAZARD: recorded("scenario evict-only on v1.9.0",
        "`workloadUpdateMethods` lists Evict without LiveMigrate: KubeVirt would stop the VM to"
        " change its memory.",
        "Add LiveMigrate to `workloadUpdateMethods` in the KubeVirt manifest in Git."),
    Reason.NO_OTHER_NODE: source("v1.9.0 pkg/virt-controller/watch/migration/migration.go:889-911",
        "Only the VM's own node can run VMs, and a migration needs another node.",
        "Add or uncordon a node."),
    Reason.NO_NODE_WITH_ROOM: recorded(
        "scenario target-unschedulable on v1.9.0; the pod's requests: scenario hotplug-succeeds,"
        " observed on all tested versions",
        "No other node meets the constraints of the target pod (node selector, CPU vendor, node"
        " affinity, taints, pod affinity and anti-affinity, topology spread) and has enough free"
        " memory, huge pages, CPUs, devices and pods. The message names the constraint. Apart from"
        " memory, the constraints are read from Kubernetes' scheduler and not recorded. That only"
        " launcher pods have labels such as `kubevirt.io/domain` is an inference.",
        "Free memory on another node, add a node, or change the constraint."),
    Reason.QUOTA_WOULD_REFUSE: recorded("scenario quota-holds-one-pod on v1.9.0",
        "The namespace's ResourceQuota would reject the target pod. The quota must allow both pods"
        " while the VM migrates: requests and limits of memory and CPUs, huge pages, devices and"
        " the number of pods, also for a priority class. Memory requests are recorded; the others"
        " follow Kubernetes' quota evaluator. During a migration, Harvester raises the quota that"
        " Rancher manages by the limits that the VM itself sets (read from its code, after v1.5).",
        "Raise the ResourceQuota."),
    Reason.LIMIT_RANGE_WOULD_REFUSE: source(
        "kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go",
        "A LimitRange of the namespace would reject the target pod: its default limit does not"
        " grow with the VM, or the memory or CPUs of the pod or its container are below the"
        " minimum, above the maximum, or have a larger quotient of limit and request than it"
        " permits. KubeVirt tries again without a time-out. This is not recorded.",
        "Change the LimitRange, or set `limits.memory` of the VM."),
    Reason.AAQ_WOULD_HOLD: source("kubevirt/application-aware-quota v1.8.0",
        "A quota of Application-Aware Quota has too little left for the growth of the VM. AAQ then"
        " holds the target pod with the scheduling gate ApplicationAwareQuotaGate, and the"
        " migration does not start. IgnoreVmiCalculator counts the whole target pod; VmiPodUsage"
        " and GuestEffectiveResources hide what a migration needs.",
        "Raise the quota; it must allow the growth of the VM, not a second VM."),
    Reason.PLUG_REFUSED: recorded("scenario plug-refused, observed on all tested versions",
        "libvirt or QEMU rejected the hotplug. KubeVirt does not retry it.",
        "Restart the VM.", since="v1.3"),
    Reason.GUEST_SILENT: source("v1.9.0 pkg/virt-handler/vm.go:1051-1061; kubevirt issue 14095",
        "The memory was hotplugged, but the guest did not use (or release) all of it within"
        " `rollout.timeouts.guest`. KubeVirt reports nothing in this case.",
        "Check the guest: it needs a virtio-mem driver (Linux 5.8 or newer) and must bring new"
        " memory online."),
    Reason.MIGRATION_FAILING: recorded("scenario migration-fails, observed on all tested versions",
        "The number of consecutive failed migrations has reached `rollout.failedMigrations`. "
        "KubeVirt keeps retrying.",
        "Find out why the VM cannot migrate; the hint says how to stop the migrations."),
    Reason.INEFFECTIVE_MIGRATIONS: source("v1.9.0 pkg/virt-handler/migration-target.go:1187-1231",
        "Two or more migrations succeeded, but the memory was not hotplugged.",
        "Check the events of the VirtualMachineInstance for the launcher's memory request."),
    Reason.TARGET_UNSCHEDULABLE: recorded(
        "scenario target-unschedulable, observed on all tested versions",
        "Consecutive migrations failed because the target pod could not be scheduled.",
        "Free capacity on another node, or find out why the launcher pod cannot be scheduled."),
    Reason.QUOTA_REFUSED: recorded("scenario quota-holds-one-pod on v1.9.0",
        "The namespace's ResourceQuota rejects the target pod of a migration that has started.",
        "Raise the ResourceQuota; the migration then continues by itself."),
    Reason.AAQ_HOLDS: source("kubevirt/application-aware-quota v1.8.0",
        "The target pod of a migration that has started has had the scheduling gate"
        " ApplicationAwareQuotaGate for a minute. Either a quota of Application-Aware Quota has"
        " too little left, or its controller does not run; the message says which. The latter is"
        " inferred from quotas that have enough left.",
        "Raise the quota, or check the deployment aaq-controller; the migration then continues by"
        " itself."),
    Reason.LIMIT_RANGE_REFUSED: source(
        "kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go",
        "A migration has started, but a LimitRange of the namespace, which was created or changed"
        " after the plan, rejects its target pod. KubeVirt tries again without a time-out. This is"
        " not recorded.",
        "Change the LimitRange; the migration then continues by itself."),
    Reason.OWNED_BY_POOL: recorded("scenario pool-vm-patched on v1.9.0",
        "A VirtualMachinePool owns the VM. A change to only the VM would take effect live, but the"
        " next change to the pool's template overwrites the VM's size and restarts the VM.",
        "Set the size in the pool's `spec.virtualMachineTemplate`."),
    Reason.OWNED_BY_CONTROLLER: own(
        "the VM's controller reference; that the controller writes the size back is an inference",
        "Another object controls the VM, such as a machine of the Cluster API or of Rancher. The"
        " reconciler only observes such a VM.",
        "Set the size in the template from which the controller makes its VMs."),
    Reason.HARVESTER_REWRITES: source(
        "Harvester v1.6 pkg/webhook/resources/virtualmachine/mutator.go:300-400 and issue 9708",
        "The VM has a memory limit and not the annotation"
        " `harvesterhci.io/enableCPUAndMemoryHotplug`, so that Harvester's webhook computes"
        " `memory.guest` from the limit at every write: the size in Git would be accepted and"
        " undone silently.",
        "Enable CPU and memory hotplug for the VM in Harvester."),
}
# fmt: on
