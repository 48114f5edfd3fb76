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
        "Correct the name in Git, or create the object. To let the reconciler create VMs, set"
        " `create: true` in `.reconciler.yaml`."),
    Reason.INVALID_MANIFEST: own("a manifest with one error might contain other errors",
        "The manifest in Git has an error, so the reconciler leaves the VM or the KubeVirt CR"
        " unchanged. It still changes other objects.",
        "Correct the manifest in Git; `reconciler validate` shows each error with its location."),
    Reason.UNREADABLE: own("the object exists, and a value in it cannot be read",
        "A value of the object in the cluster cannot be read.",
        "Correct the value that the message names in the cluster."),
    Reason.BEING_DELETED: recorded(
        "scenario delete-during-hotplug, observed on all tested versions",
        "The VM is being deleted.",
        "If the VM was deleted on purpose, remove it from Git."),
    Reason.NOT_STARTING: own("the reconciler's limit of 15 minutes",
        "The VM's instance is still not running 15 minutes after its creation.",
        "Check the VM's events and its launcher pod."),
    Reason.DENIED_ABOVE_MAX_GUEST: recorded(
        "scenario above-explicit-max-guest, observed on all tested versions",
        "The VM has its own maxGuest, and KubeVirt's webhook denies a larger size.",
        "Lower the size, or raise the VM's maxGuest and restart the VM."),
    Reason.DENIED_BY_ADMISSION: source(
        "v1.9.0 vms-admitter.go:279-296; Harvester: the enhancement proposal in issue 7315 (size;"
        " inferred: only for running VMs) and v1.6"
        " pkg/controller/master/setting/max_hotplug_ratio.go (ratio)",
        "A webhook of KubeVirt or Harvester denies the change; the plan's message says why. For a"
        " running VM with the annotation `harvesterhci.io/enableCPUAndMemoryHotplug`, Harvester"
        " denies a smaller size and a size above the VM's `maxGuest`. Harvester also denies a"
        " `maxHotplugRatio` below 1 or above 20.",
        "Do what the hint below the message in the plan says."),
    Reason.MEMORY_FROM_INSTANCETYPE: recorded(
        "scenario instancetype-and-guest, observed on all tested versions",
        "An instancetype sets the VM's memory, and KubeVirt's webhook denies `memory.guest` in"
        " the same VM.",
        "In Git, set a different instancetype instead of `memory.guest`."),
    Reason.INSTANCETYPE_CHANGE: own("the reconciler writes only the name of an instancetype",
        "Git sets an instancetype of a different kind, or an instancetype for a VM that has none."
        " The reconciler can only change the name of an existing instancetype.",
        "Set `spec.instancetype` of the VM in the cluster by hand."),
    Reason.INSTANCETYPE_NOT_FOUND: source("v1.9.0 pkg/instancetype/webhooks/vm/admitter.go",
        "The instancetype that Git sets does not exist, so KubeVirt's webhook denies the change.",
        "Correct the name in Git, or create the instancetype."),
    Reason.INSTANCETYPE_UNREADABLE: own(
        "the effect of an instancetype that cannot be read is unknown",
        "The reconciler cannot read the instancetypes, so it does not know which size Git sets.",
        "Grant the reconciler the verb `list` on instancetypes in the API group"
        " instancetype.kubevirt.io."),
    Reason.LIMITS_OVERCOMMIT: source(
        "v1.9.0 pkg/virt-controller/watch/vm/vm.go:3528-3547; inferred: the API server rejects"
        " the target pod",
        "The target pod would request more memory than its limit, or the guest would need more"
        " than the limit, because KubeVirt does not raise the limit of this VM.",
        "Set `requests.memory` to at least `memory.guest`, or raise the memory limit; then"
        " restart the VM.", since="v1.2.1"),
    Reason.OVERHEAD_OVERCOMMIT: source(
        "v1.9.0 pkg/virt-handler/migration-target.go:1152-1208; inferred: the repeated migrations",
        "The VM has `overcommitGuestOverhead`, so its pod is too small for every hotplug, and"
        " KubeVirt would migrate the VM repeatedly without effect.",
        "Restart the VM without `overcommitGuestOverhead`."),
    Reason.HOTPLUG_STUCK: recorded(
        "scenarios slow-then-second-change, observed on all tested versions (the rejection) and "
        "no-update-methods on v1.9.0 (the change never ends)",
        "An earlier change to a different size cannot complete. Until this change ends, KubeVirt"
        " rejects the size in Git.",
        "Remove the obstacle that the message names, or restart the VM."),
    Reason.NO_LIVE_MIGRATE: recorded(
        "scenarios no-update-methods and misspelt-update-method on v1.9.0; the upgrade of"
        " Harvester: Harvester's pull requests 10386 and 10944",
        "`workloadUpdateMethods` does not list LiveMigrate, so KubeVirt would start no migration"
        " for the change. An upgrade to Harvester v1.8 or newer empties the list and restores it"
        " at the end; the plan mentions this possibility, but does not check whether an upgrade"
        " is running.",
        "Add LiveMigrate to `workloadUpdateMethods` in the KubeVirt manifest in Git. During a"
        " Harvester upgrade, wait for its end."),
    Reason.EVICT_HAZARD: recorded("scenario evict-only on v1.9.0",
        "`workloadUpdateMethods` lists Evict without LiveMigrate: KubeVirt would evict the VM to"
        " change its memory, which stops the guest.",
        "Add LiveMigrate to `workloadUpdateMethods` in the KubeVirt manifest in Git."),
    Reason.NO_OTHER_NODE: source("v1.9.0 pkg/virt-controller/watch/migration/migration.go:889-911",
        "Only the VM's own node can run VMs, and a migration needs another node.",
        "Add or uncordon a node."),
    Reason.NO_NODE_WITH_ROOM: recorded(
        "scenario target-unschedulable on v1.9.0; the pod's requests: scenario hotplug-succeeds,"
        " observed on all tested versions",
        "No other node meets the constraints of the target pod (node selector, CPU vendor, node"
        " affinity, taints, pod affinity and anti-affinity, topology spread) and has enough free"
        " memory, huge pages, CPUs, devices and pods. The message names the constraint. Only the"
        " check of memory was observed; the other checks follow the code of Kubernetes'"
        " scheduler. Inferred: only launcher pods have labels such as `kubevirt.io/domain`.",
        "Free memory on another node, add a node, or change the constraint."),
    Reason.QUOTA_WOULD_REFUSE: recorded("scenario quota-holds-one-pod on v1.9.0",
        "The namespace's ResourceQuota would reject the target pod. During a migration, the quota"
        " must allow both the old and the new pod. The reconciler checks requests and limits of"
        " memory and CPUs, huge pages, devices and the number of pods, also in quotas for a"
        " priority class. Only the check of memory requests was observed; the other checks follow"
        " the code of Kubernetes' quota evaluator. If Rancher manages the quota, Harvester"
        " raises it during a migration; it adds the limits that the VM itself sets (from the code"
        " of Harvester after v1.5).",
        "Raise the ResourceQuota."),
    Reason.LIMIT_RANGE_WOULD_REFUSE: source(
        "kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go",
        "A LimitRange of the namespace would reject the target pod. Either its default memory"
        " limit is too small for the new size, or the memory or CPUs of the pod or its container"
        " are outside the permitted range or exceed the permitted ratio of limit to request."
        " KubeVirt would retry without end. No test on a real cluster has confirmed this rule; it"
        " comes from the code of Kubernetes.",
        "Change the LimitRange, or set `limits.memory` of the VM."),
    Reason.AAQ_WOULD_HOLD: source("kubevirt/application-aware-quota v1.8.0",
        "A quota of Application-Aware Quota (AAQ) has too little left for the growth of the VM."
        " AAQ would then keep the scheduling gate ApplicationAwareQuotaGate on the target pod,"
        " and the migration would not start. With AAQ's calculator IgnoreVmiCalculator, the quota"
        " must allow the whole target pod. With VmiPodUsage or GuestEffectiveResources, a"
        " migration uses no quota. The reconciler evaluates the scopes of a cluster-wide quota. It"
        " ignores the scopes of an ApplicationAwareResourceQuota, because AAQ also ignores them"
        " when it removes the gate.",
        "Raise the quota until it allows the change; the message shows the amounts."),
    Reason.PLUG_REFUSED: recorded("scenario plug-refused, observed on all tested versions",
        "libvirt or QEMU rejected the hotplug. KubeVirt does not retry it.",
        "Restart the VM.", since="v1.3"),
    Reason.GUEST_SILENT: source("v1.9.0 pkg/virt-handler/vm.go:1051-1061; kubevirt issue 14095",
        "KubeVirt has changed the memory, but the guest did not use all added memory, or did not"
        " release all removed memory, within `rollout.timeouts.guest`. KubeVirt reports"
        " nothing in this case.",
        "Check the guest: it needs a virtio-mem driver (Linux 5.8 or newer) and must bring new"
        " memory online automatically."),
    Reason.MIGRATION_FAILING: recorded("scenario migration-fails, observed on all tested versions",
        "The number of consecutive failed migrations has reached `rollout.failedMigrations`. "
        "KubeVirt keeps retrying.",
        "Remove the cause of the failed migrations. To stop the migrations, do what the hint in"
        " the plan says."),
    Reason.INEFFECTIVE_MIGRATIONS: source("v1.9.0 pkg/virt-handler/migration-target.go:1187-1231",
        "Two or more migrations succeeded, but the memory was not hotplugged.",
        "Check the events of the VirtualMachineInstance about the memory request of its launcher"
        " pod."),
    Reason.TARGET_UNSCHEDULABLE: recorded(
        "scenario target-unschedulable, observed on all tested versions",
        "Consecutive migrations failed because the target pod could not be scheduled.",
        "Free capacity on another node, or check the events of the target pod."),
    Reason.QUOTA_REFUSED: recorded("scenario quota-holds-one-pod on v1.9.0",
        "The namespace's ResourceQuota rejects the target pod of a migration that has started.",
        "Raise the ResourceQuota. The migration then continues by itself."),
    Reason.AAQ_HOLDS: source("kubevirt/application-aware-quota v1.8.0",
        "A migration has started, but its target pod has had the scheduling gate"
        " ApplicationAwareQuotaGate for a minute. Either a quota of Application-Aware Quota (AAQ)"
        " has too little left, or AAQ's controller does not run; the message says which."
        " Inferred: if every quota has enough left, the controller does not run.",
        "Raise the quota, or check the deployment aaq-controller. The migration then continues by"
        " itself."),
    Reason.LIMIT_RANGE_REFUSED: source(
        "kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go",
        "A migration has started, but a LimitRange that was created or changed after the plan"
        " rejects its target pod. KubeVirt retries without end. No test on a real cluster has"
        " confirmed this rule; it comes from the code of Kubernetes.",
        "Change the LimitRange. The migration then continues by itself."),
    Reason.OWNED_BY_POOL: recorded("scenario pool-vm-patched on v1.9.0",
        "A VirtualMachinePool owns the VM. A change to only the VM would take effect live, but the"
        " next change to the pool's template overwrites the VM's size and restarts the VM.",
        "Set the size in the pool's `spec.virtualMachineTemplate`."),
    Reason.OWNED_BY_CONTROLLER: own(
        "the VM's controller reference; inferred: the controller writes the size back",
        "Another object controls the VM, such as a machine of the Cluster API or of Rancher. The"
        " reconciler does not change such a VM.",
        "Set the size in the template from which the controller creates its VMs."),
    Reason.HARVESTER_REWRITES: source(
        "Harvester v1.6 pkg/webhook/resources/virtualmachine/mutator.go:300-400 and issue 9708",
        "The VM has a memory limit but not the annotation"
        " `harvesterhci.io/enableCPUAndMemoryHotplug`. Harvester's webhook therefore computes"
        " `memory.guest` from the limit at every write, and would silently replace the size in"
        " Git.",
        "Enable CPU and memory hotplug for the VM in Harvester."),
}
# fmt: on
