"""``BLOCKED_SETTINGS``: the reasons why a change to the KubeVirt CR is blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.reasons.reason_entry import own, recorded, source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.reasons.reason_entry import ReasonEntry

# fmt: off
BLOCKED_SETTINGS: Mapping[Reason, ReasonEntry] = {
    Reason.OWNED_BY_HYPERCONVERGED: source(
        "HyperConverged 1.10 to 1.19 controllers/operands/generic_operand.go:53,188",
        "HyperConverged owns the KubeVirt CR and reverts direct changes to the CR, and the"
        " reconciler cannot read the HyperConverged object.",
        "Grant the permissions in `examples/deploy/overlays/hyperconverged`; the diagnostic"
        " `owner-unreadable` has the cause."),
    Reason.NOT_SETTABLE_IN_HYPERCONVERGED: source(
        "HyperConverged 1.10 to 1.19 api/v1beta1 and api/v1 hyperconverged_types.go; if the"
        " operator's release cannot be read, or is one of OpenShift Virtualization, it is"
        " inferred",
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
        " its own value again every few minutes. It leaves alone a field that the annotation"
        " `platform.kubevirt.io/ignore-fields` lists, and an object with the annotation"
        ' `platform.kubevirt.io/mode: unmanaged` or `platform.kubevirt.io/autopilot: "false"`.',
        "Add the field's path to the annotation `platform.kubevirt.io/ignore-fields` of the"
        " HyperConverged, or set it with `platform.kubevirt.io/patch`."),
    Reason.OWNED_BY_HARVESTER: source(
        "Harvester v1.6 pkg/controller/master/setting/max_hotplug_ratio.go, chart values; that"
        " Fleet applies the chart again after an edit is an inference",
        "Harvester's chart writes the KubeVirt CR. Only `maxHotplugRatio` has a Setting,"
        " `max-hotplug-ratio`, and nothing is written while that cannot be read.",
        "Set the value in the ManagedChart `fleet-local/harvester`. If the Setting cannot be read,"
        " the diagnostic `owner-unreadable` has the cause."),
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
        " value. A field that the CR in the cluster shows exists in any version.",
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
# fmt: on
