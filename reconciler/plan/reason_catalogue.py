"""``CATALOGUE``: the meaning of each reason code, the user's next step, and the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reason_entry import own, recorded, source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reason_entry import ReasonEntry

# Each entry lists the evidence, the meaning, and what the user should do.
# fmt: off
CHANGES: Mapping[Reason, ReasonEntry] = {
    Reason.CONVERGED: recorded("scenario hotplug-succeeds, observed on all tested versions",
        "The VM's spec and its running guest have the memory that Git sets."),
    Reason.STOPPED_AS_DESIRED: recorded("scenario halted, observed on all tested versions",
        "The VM is not running, and its spec has the size that Git sets."),
    Reason.CONFIG_AS_DESIRED: own("no setting in Git differs from the cluster",
        "The KubeVirt CR has every setting that Git sets."),
    Reason.GATE_GRADUATED: recorded(
        "scenario gate-missing on v1.6.3: a hotplug succeeds without the gate",
        "Git lists the feature gate VMLiveUpdateFeatures, which this version no longer needs. The"
        " gate is not added.",
        "You can remove the gate from Git.", since="v1.5"),
    Reason.MEMORY_NOT_MANAGED: own("Git sets the memory only through resources",
        "Git sets the VM's memory only through `resources.requests` or `resources.limits`, which"
        " KubeVirt does not change live and the reconciler does not write.",
        "Set `memory.guest` in Git."),
    Reason.NOTHING_NAMED: own("the manifest in Git does not set the memory",
        "The VM's manifest in Git does not set the memory.",
        "Set `memory.guest` in Git if the reconciler should manage this VM's memory."),
    Reason.SUSPENDED: own("annotation memory.reconciler.dev/suspend",
        "The annotation `memory.reconciler.dev/suspend` is `true`, in Git or in the cluster. The"
        " reconciler writes no size and requests no restart.",
        "Remove the annotation to let the change happen."),
    Reason.CONFIG_CHANGE: recorded((
        "api mechanics; how KubeVirt applies a CR comes from the code of v1.9.0"
    ),
        "Settings of the KubeVirt CR differ from Git, and a patch will change them.",
        "Read the plan's warnings, which list the VMs that the new settings affect."),
    Reason.HOTPLUG: recorded("scenario hotplug-succeeds, observed on all tested versions",
        "The memory grows in the running guest through a live migration."),
    Reason.HOTUNPLUG: source("v1.9.0 pkg/virt-controller/watch/vm/vm.go:3498-3502",
        "The memory shrinks in the running guest through a live migration. The guest may keep part"
        " of the memory."),
    Reason.BACK_TO_RUNNING: recorded("scenario above-max-then-revert on v1.9.0",
        "The VM's spec differs from Git, but its running instance already has the desired size."
        " The spec is written and no migration is needed."),
    Reason.NOT_RUNNING: recorded("scenario halted, observed on all tested versions",
        "The VM is not running. The spec is written, and the VM has the new size when it starts."),
    Reason.NEW: recorded("first request of the scenario hotplug-succeeds",
        "The VM does not exist in the cluster. It will be created from Git, because `create: true`"
        " is set."),
}
"""Reasons for the effects none, config, live, cold and create."""
RESTARTS: Mapping[Reason, ReasonEntry] = {
    Reason.RESTART_PENDING: recorded("scenario above-max-guest, observed on all tested versions",
        "The VM's spec already has the desired size, and KubeVirt waits for a restart to apply"
        " it.",
        "Restart the VM."),
    Reason.NOT_STARTED: recorded("scenario too-big-then-smaller on v1.9.0",
        "The guest of the VM's instance does not run yet, for example because no node has enough"
        " free memory, and the desired size is below the instance's size. KubeVirt applies the"
        " desired size at the next start.",
        "Restart the VM; the restart does not disrupt a running guest."),
    Reason.STRATEGY_STAGE: recorded(
        "scenario stage-then-live-update, observed on all tested versions",
        "The rollout strategy is `Stage`, so every change waits for the VM's next restart.",
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
        "Remove the obstacle to the migration that the message mentions, or restart the VM."),
    Reason.UNSUPPORTED_CONFIGURATION: source("v1.9.0 pkg/liveupdate/memory/memory.go:53-107",
        "The VM's configuration prevents memory hotplug: realtime, NUMA passthrough or launch"
        " security; on old versions also dedicated CPUs, huge pages or a memory limit.",
        "Restart the VM, or remove the setting that the message mentions."),
    Reason.UNSUPPORTED_ARCHITECTURE: source("v1.9.0 pkg/liveupdate/memory/memory.go:53-107",
        "This KubeVirt version hotplugs memory only into VMs of other architectures.",
        "Restart the VM."),
    Reason.PLUG_FAILED_BEFORE: recorded(
        "scenario plug-refused-then-revert, observed on all tested versions",
        "libvirt or QEMU rejected an earlier hotplug, and KubeVirt changes nothing live until the"
        " VM restarts.",
        "Restart the VM.", since="v1.3"),
    Reason.RESTART_REQUIRED_STICKY: recorded("scenario above-max-then-revert on v1.3.1 and v1.6.3",
        "The VM has the condition RestartRequired. This KubeVirt version keeps the condition until"
        " the VM restarts, and until then does not apply any change live.",
        "Restart the VM, or update to v1.6.4, v1.7.1 or newer, which clear the"
        " condition.", since="v1.2", until="v1.6.3, and v1.7.0"),
    Reason.OTHER_EDIT_PENDING: recorded(
        "scenarios write-maxguest-on-running and mixed-edit-one-patch on v1.9.0",
        "Another edit to the VM waits for a restart. Until the restart, the memory does not change"
        " live either.",
        "Restart the VM, or revert the other edit.", since="v1.2"),
    Reason.INSTANCETYPE_DIFFERS: source("v1.9.0 pkg/virt-controller/watch/vm/vm.go:2989-3053",
        "The current and the desired instancetype differ in a field that cannot change live, so"
        " the memory cannot change live either.",
        "Choose an instancetype that differs only in its memory, or restart the"
        " VM.", since="v1.3"),
    Reason.INSTANCETYPE_NOT_LIVE: source("v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349",
        "This KubeVirt version does not change memory live when an instancetype sets it.",
        "Update KubeVirt to v1.3 or newer, or restart the VM.", until="v1.2"),
    Reason.GUEST_MEMORY_UNSET: source("v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349",
        "The VM's template has no memory, and this KubeVirt version adds it only at a restart.",
        "Restart the VM once; after that, its memory can change live.", until="v1.2"),
    Reason.LIVE_UPDATE_FEATURES_UNSET: source("v1.1.0 vms-admitter.go:440-446",
        "The VM does not have `spec.liveUpdateFeatures.memory`, which KubeVirt v1.1"
        " requires for live memory changes.",
        "Set the field and restart the VM, or update KubeVirt.", until="v1.1"),
}
"""Reasons for the effect restart: the accepted change takes effect only at a restart."""
WAITS: Mapping[Reason, ReasonEntry] = {
    Reason.IN_FLIGHT: recorded("scenario hotplug-succeeds, observed on all tested versions",
        "The desired size is written, and KubeVirt is applying it."),
    Reason.MIGRATION_RETRYING: recorded(
        "scenario migration-fails, observed on all tested versions",
        "A migration for this change failed, and KubeVirt retries it.",
        "Check the migration failure that the message quotes."),
    Reason.GUEST_ACCEPTING: recorded(
        "scenario hotplug-succeeds: guestCurrent changes after the phase Succeeded",
        "The memory is hotplugged, but the guest does not use (or has not released) all of it."),
    Reason.HOTPLUG_IN_FLIGHT: recorded(
        "scenario slow-then-second-change, observed on all tested versions",
        "A change to another size is in flight. This change cannot be cancelled, and KubeVirt"
        " rejects a second change until the first change has ended."),
    Reason.MIGRATION_IN_FLIGHT: source("v1.9.0 pkg/virt-controller/watch/vm/vm.go:3484-3487",
        "The VM is migrating for another reason. KubeVirt changes no memory during a migration."),
    Reason.STARTING: source("v1.9.0 pkg/virt-controller/watch/vm/vm.go:3444-3460",
        "The VM is starting, and its instance does not report its memory yet."),
    Reason.RESTARTING: source("v1.9.0 pkg/virt-api/rest/lifecycle.go: stateChangeRequests",
        "A restart was requested. The VM starts again with the size in its spec."),
    Reason.LIVE_AT_NEXT_SYNC: source(
        "v1.9.0 pkg/virt-controller/watch/vm/vm.go:2989-3061,3577-3599",
        "The size was written while LiveUpdate was not in effect. KubeVirt applies the size live"
        " when it next syncs the VM, within 12 hours.",
        "Set a label or an annotation on the VM to make KubeVirt sync the VM now.", since="v1.2"),
    Reason.BACKUP_RUNNING: source(
        "v1.8.0 pkg/virt-controller/watch/migration/migration.go; v1.9.0 :1581-1645",
        "A backup of the VM is running, and the VM's migrations wait for the"
        " backup.", since="v1.8"),
    Reason.MIGRATABILITY_UNKNOWN: source("v1.9.0 pkg/virt-controller/watch/vm/vm.go:3475",
        "KubeVirt has not reported yet whether the VM can migrate. A patch now would require a"
        " restart."),
    Reason.KUBEVIRT_NOT_SETTLED: source(
        "v1.9.0 pkg/virt-controller/watch/workload-updater/workload-updater.go:450-455",
        "KubeVirt is being deployed or updated, and does not start migrations until it has "
        "applied the KubeVirt CR."),
    Reason.OWNER_NOT_SETTLED: source(
        "HyperConverged api/v1 hyperconverged_types.go (conditions, observedGeneration)",
        "The operator that owns the KubeVirt CR has not applied its own object to the CR yet.",
        "If this lasts, check the operator's pod and log."),
    Reason.WAITS_FOR_ROOM: own("migrations in flight use the missing capacity",
        "No node has enough free memory for the target pod now, or a quota would reject it, but"
        " migrations in flight will release enough."),
}
"""Reasons for the effect wait: the change becomes possible without intervention."""
BLOCKED: Mapping[Reason, ReasonEntry] = {
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
    Reason.DENIED_BY_ADMISSION: source("v1.9.0 vms-admitter.go:279-296",
        "KubeVirt's webhook denies the change; the plan's message says why.",
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
        "scenarios no-update-methods and misspelt-update-method on v1.9.0",
        "`workloadUpdateMethods` does not list LiveMigrate, so no migration would carry out the"
        " change.",
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
        " affinity, taints, pod anti-affinity, topology spread) and has enough free memory, huge"
        " pages, CPUs, devices and pods. The message names the constraint. Apart from memory, the"
        " constraints are read from Kubernetes' scheduler and not recorded.",
        "Free memory on another node, add a node, or change the constraint."),
    Reason.QUOTA_WOULD_REFUSE: recorded("scenario quota-holds-one-pod on v1.9.0",
        "The namespace's ResourceQuota would reject the target pod. The quota must allow both pods"
        " while the VM migrates: requests and limits of memory and CPUs, huge pages, devices and"
        " the number of pods, also for a priority class. Memory requests are recorded; the others"
        " follow Kubernetes' quota evaluator. Harvester raises memory and CPUs of its quotas by"
        " itself (inferred from its issues 3124, 3814 and 3829).",
        "Raise the ResourceQuota."),
    Reason.LIMIT_RANGE_WOULD_REFUSE: source(
        "kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go",
        "A LimitRange of the namespace would reject the target pod: its default limit does not"
        " grow with the VM, or the pod or its container is larger than it permits. KubeVirt tries"
        " again without a time-out.",
        "Raise the LimitRange, or set `limits.memory` of the VM."),
    Reason.AAQ_WOULD_HOLD: source("kubevirt/application-aware-quota v1.8.0",
        "A quota of Application-Aware Quota has too little left for the growth of the VM. AAQ then"
        " holds the target pod with the scheduling gate ApplicationAwareQuotaGate, and the"
        " migration does not start. How GuestEffectiveResources counts is inferred.",
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
    Reason.OWNED_BY_HYPERCONVERGED: source(
        "HyperConverged 1.10 to 1.19 controllers/operands/generic_operand.go:53,188",
        "HyperConverged owns the KubeVirt CR and reverts direct changes to the CR, and the"
        " reconciler cannot read the HyperConverged object.",
        "Grant the permissions in `examples/deploy/overlays/hyperconverged`."),
    Reason.NOT_SETTABLE_IN_HYPERCONVERGED: source(
        "HyperConverged 1.10 to 1.19 api/v1beta1 and api/v1 hyperconverged_types.go",
        "HyperConverged owns the KubeVirt CR and has no field for a setting in Git, in this"
        " release. Only its annotation `kubevirt.kubevirt.io/jsonpatch` can set it, and the"
        " annotation taints the installation.",
        "Remove the setting from Git, or set `hyperConverged: annotation`."),
    Reason.SET_BY_ANNOTATION: source(
        "HyperConverged docs/cluster-configuration.md (jsonpatch annotations)",
        "HyperConverged's annotation `kubevirt.kubevirt.io/jsonpatch` sets the field, so"
        " HyperConverged's own field has no effect.",
        "Remove the operation from the annotation, or set `hyperConverged: annotation`."),
    Reason.OWNED_BY_AUTOPILOT: source(
        "openshift-virtualization/virt-platform-autopilot ff223018de; that it takes the field back"
        " is an inference from its forced apply",
        "virt-platform-autopilot has written the field of the HyperConverged object, and applies"
        " its own value again every few minutes.",
        "List the field in the annotation `platform.kubevirt.io/ignore-fields` of the"
        " HyperConverged, or set it with `platform.kubevirt.io/patch`."),
    Reason.OWNED_BY_HARVESTER: source(
        "Harvester v1.6 pkg/controller/master/setting/max_hotplug_ratio.go, chart values",
        "Harvester's chart writes the KubeVirt CR. Only `maxHotplugRatio` has a Setting,"
        " `max-hotplug-ratio`.",
        "Set the value in the ManagedChart `fleet-local/harvester`."),
    Reason.OWNED_BY_COZYSTACK: source("cozystack v1.6.2 packages/system/kubevirt",
        "cozystack's HelmRelease writes the KubeVirt CR, and its values have no such setting.",
        "Remove the settings from Git."),
    Reason.OWNED_BY_DECKHOUSE: source("deckhouse/virtualization v1.10.2 RELEASE_NOTES",
        "Deckhouse's module `virtualization` writes the KubeVirt CR.",
        "Change the ModuleConfig `virtualization`."),
    Reason.TWO_OWNERS: own("two platforms claim the KubeVirt CR",
        "Two platforms claim the KubeVirt CR, so each would overwrite the other.",
        "Leave the CR to one of them."),
    Reason.GATE_DISABLED: source("v1.9.0 kubevirt-update-admitter.go:508-532",
        "The KubeVirt CR lists the gate in `disabledFeatureGates`, and KubeVirt denies a gate that"
        " is also in `featureGates`.",
        "Remove the gate from `disabledFeatureGates` first.", since="v1.8"),
    Reason.UNKNOWN_FIELD: recorded("api mechanics: the API server prunes an unknown field",
        "This KubeVirt version does not have a field that Git sets; the API server would drop the"
        " value.",
        "Remove the field from Git, or update KubeVirt."),
    Reason.WRONG_KUBEVIRT: own("Git declares another KubeVirt CR",
        "Git declares a different KubeVirt CR from the one in the cluster.",
        "Correct the CR's name and namespace in Git."),
    Reason.WOULD_EVICT: recorded(
        "scenario evict-only on v1.9.0; the rule for old launchers comes from the code of "
        "v1.9.0",
        "The change to the CR would make KubeVirt immediately stop VMs that are running. The"
        " message lists these VMs.",
        "Add LiveMigrate to `workloadUpdateMethods`, or restart these VMs yourself first."),
}
"""Reasons for the effect blocked: the change would be denied or harmful, or it has failed.

A change that would have no effect is blocked too.
"""
# fmt: on

_ENTRIES = {**CHANGES, **RESTARTS, **WAITS, **BLOCKED}
CATALOGUE: Mapping[Reason, ReasonEntry] = {each: _ENTRIES[each] for each in Reason}
"""All reasons, in the order of the enum."""
