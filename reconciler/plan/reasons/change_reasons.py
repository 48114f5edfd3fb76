"""``CHANGES``: the reasons for the planned effects none, config, live, cold and create."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reasons.reason_entry import own, recorded, source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

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
        "Git lists the feature gate VMLiveUpdateFeatures, which this KubeVirt version no longer"
        " needs. The reconciler does not add the gate.",
        "Remove the gate from Git; this is optional.", since="v1.5"),
    Reason.MEMORY_NOT_MANAGED: own("Git sets the memory only through resources.requests or"
        " resources.limits",
        "Git sets the VM's memory only through `resources.requests` or `resources.limits`, which"
        " KubeVirt does not change live and the reconciler does not write.",
        "Set `memory.guest` in Git."),
    Reason.NOTHING_NAMED: own("the manifest in Git does not set the memory",
        "The VM's manifest in Git does not set the memory.",
        "If the reconciler should manage this VM's memory, set `memory.guest` in Git."),
    Reason.SUSPENDED: own("annotation memory.reconciler.dev/suspend",
        "The annotation `memory.reconciler.dev/suspend` is `true`, in Git or in the cluster. The"
        " reconciler writes no size and requests no restart.",
        "To allow changes to the VM, remove the annotation."),
    Reason.CONFIG_CHANGE: recorded((
        "Kubernetes API; from the code of v1.9.0: how KubeVirt applies its CR"
    ),
        "Settings of the KubeVirt CR differ from Git, and a patch will change them.",
        "Read the plan's warnings, which list the VMs that the new settings affect."),
    Reason.HOTPLUG: recorded("scenario hotplug-succeeds, observed on all tested versions",
        "The memory grows in the running guest through a live migration."),
    Reason.IN_PLACE: source(
        "kubevirt enhancements PR 46 (VEP 45); in no release up to v1.9.0;"
        " deckhouse/virtualization v1.10.0 templates/kubevirt/_kubevirt_helpers.tpl",
        "The KubeVirt CR lists the feature gate InPlaceHotplug, so the memory grows in the"
        " running launcher pod. The change needs no migration and no other node, and quotas must"
        " allow only the growth. A smaller size, huge pages and dedicated CPUs still need a"
        " migration. All this is inferred from the proposal VEP 45. Deckhouse's fork of KubeVirt"
        " has the gate InPlaceResize instead; inferred: it behaves in the same way. VEP 45 needs"
        " Kubernetes v1.35 or newer; the plan does not check the version of Kubernetes.",
        "If this KubeVirt build does not have the gate, remove the gate from the CR: KubeVirt"
        " ignores an unknown gate and migrates the VM.", since="v1.9"),
    Reason.HOTUNPLUG: source("v1.9.0 pkg/virt-controller/watch/vm/vm.go:3498-3502",
        "The memory shrinks in the running guest through a live migration. The guest might keep"
        " part of the memory."),
    Reason.BACK_TO_RUNNING: recorded("scenario above-max-then-revert on v1.9.0",
        "The VM's spec differs from Git, but its running instance already has the desired size."
        " The spec is written and no migration is needed."),
    Reason.NOT_RUNNING: recorded("scenario halted, observed on all tested versions",
        "The VM is not running. The spec is written, and the VM has the new size when it starts."),
    Reason.NEW: recorded("first request of the scenario hotplug-succeeds",
        "The VM does not exist in the cluster. It will be created from Git, because `create: true`"
        " is set."),
}
# fmt: on
