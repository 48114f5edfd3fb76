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
        "The KubeVirt CR belongs to HyperConverged, which reverts direct changes to the CR, and"
        " the reconciler cannot read the HyperConverged object.",
        "Read the cause in the message of the diagnostic `owner-unreadable`. If a permission is"
        " missing, grant the permissions in `examples/deploy/overlays/hyperconverged`."),
    Reason.NOT_SETTABLE_IN_HYPERCONVERGED: source(
        "HyperConverged 1.10 to 1.19 api/v1beta1 and api/v1 hyperconverged_types.go; inferred:"
        " the release, if it cannot be read or is a release of OpenShift Virtualization",
        "The KubeVirt CR belongs to HyperConverged, and this release of HyperConverged has no"
        " field for a setting in Git. Only HyperConverged's annotation"
        " `kubevirt.kubevirt.io/jsonpatch` can set it, and this annotation taints the"
        " installation.",
        "Remove the setting from Git, or set `hyperConverged: annotation` in `.reconciler.yaml`."),
    Reason.SET_BY_ANNOTATION: source(
        "HyperConverged docs/cluster-configuration.md (jsonpatch annotations)",
        "HyperConverged's annotation `kubevirt.kubevirt.io/jsonpatch` sets the KubeVirt setting,"
        " so HyperConverged's own field for this setting has no effect.",
        "Remove the operation from the annotation, or set `hyperConverged: annotation` in"
        " `.reconciler.yaml`."),
    Reason.OWNED_BY_AUTOPILOT: source(
        "openshift-virtualization/virt-platform-autopilot ff223018de; inferred from its forced"
        " apply: it overwrites the field",
        "virt-platform-autopilot wrote the field of the HyperConverged object last, and"
        " overwrites it with its own value every few minutes. It does not overwrite a field that"
        " the annotation `platform.kubevirt.io/ignore-fields` lists, or an object with the"
        " annotation"
        ' `platform.kubevirt.io/mode: unmanaged` or `platform.kubevirt.io/autopilot: "false"`.',
        "Add the field's path to the HyperConverged object's annotation"
        " `platform.kubevirt.io/ignore-fields`, or set the field in its annotation"
        " `platform.kubevirt.io/patch`."),
    Reason.OWNED_BY_HARVESTER: source(
        "Harvester v1.6 pkg/controller/master/setting/max_hotplug_ratio.go, chart values;"
        " inferred: Fleet applies the chart again after an edit",
        "Harvester's chart writes the KubeVirt CR. The reconciler can change only"
        " `maxHotplugRatio`, through Harvester's Setting `max-hotplug-ratio`, and only if it can"
        " read this Setting.",
        "Set the value in the ManagedChart `fleet-local/harvester`. If the Setting cannot be"
        " read, read the cause in the message of the diagnostic `owner-unreadable`."),
    Reason.OWNED_BY_COZYSTACK: source("cozystack v1.6.2 packages/system/kubevirt",
        "cozystack's HelmRelease writes the KubeVirt CR, and its Helm values do not include the"
        " settings in Git.",
        "Remove the KubeVirt settings from Git."),
    Reason.OWNED_BY_DECKHOUSE: source("deckhouse/virtualization v1.10.2 RELEASE_NOTES",
        "Deckhouse's module `virtualization` writes the KubeVirt CR and overwrites direct"
        " changes.",
        "Set the value in the ModuleConfig `virtualization`, and remove it from Git."),
    Reason.TWO_OWNERS: own("two platforms manage the KubeVirt CR",
        "Two platforms manage the KubeVirt CR, so each overwrites the changes of the other.",
        "Let only one of these platforms manage the CR."),
    Reason.GATE_DISABLED: source("v1.9.0 kubevirt-update-admitter.go:508-532",
        "Git adds a feature gate that the KubeVirt CR lists in `disabledFeatureGates`. KubeVirt"
        " denies a gate that is in both lists.",
        "Remove the gate from `disabledFeatureGates` in the KubeVirt CR first. If HyperConverged"
        " writes the CR, change the gate in the HyperConverged or in its annotation.",
        since="v1.8"),
    Reason.UNKNOWN_FIELD: recorded("Kubernetes API: the API server drops an unknown field",
        "This KubeVirt version does not have a field that Git sets; the API server would drop the"
        " value. A field that the CR in the cluster already contains is never reported.",
        "Remove the field from Git, or update KubeVirt."),
    Reason.WRONG_KUBEVIRT: own("Git declares a different KubeVirt CR",
        "The KubeVirt CR in Git has a different name or namespace from the KubeVirt CR in the"
        " cluster.",
        "Correct the CR's name and namespace in Git."),
    Reason.WOULD_EVICT: recorded(
        "scenario evict-only on v1.9.0; from the code of v1.9.0: the rule for outdated launcher"
        " pods",
        "The change to the KubeVirt CR would make KubeVirt evict running VMs immediately, which"
        " stops their guests. The message lists these VMs.",
        "Add LiveMigrate to `workloadUpdateMethods`, or restart these VMs yourself first."),
}
# fmt: on
