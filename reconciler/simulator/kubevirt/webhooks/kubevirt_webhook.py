"""KubeVirtWebhook: the validating webhook of virt-operator for the KubeVirt CR."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.admission import Denial, Review, denied
from reconciler.simulator.kubevirt.cluster_config import LIVE_UPDATE_GATE
from reconciler.simulator.kubevirt.object_fields import KUBEVIRTS, Json, dig
from reconciler.simulator.kubevirt.versions import GateStage

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.kubevirt.cluster import Cluster

KUBEVIRT_UPDATE: Final = "kubevirt-update-validator.kubevirt.io"
KUBEVIRT_CREATE: Final = "kubevirt-create-validator.kubevirt.io"

GA_WARNING: Final = (
    'feature gate {gate} is deprecated (feature state is "General Availability"), therefore it '
    "can be safely removed and is redundant. For more info, please look at: "
    "https://github.com/kubevirt/kubevirt/blob/main/docs/deprecation.md"
)
"""The warning about a listed feature gate that this KubeVirt version always enables.

Source: v1.9.0 pkg/virt-config/featuregate/feature-gates.go:49-50.
"""


class KubeVirtWebhook:
    """Validates writes to the KubeVirt CR."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def register(self, admission: Admission) -> None:
        """Registers the webhook with the simulated API server."""
        admission.validating(KUBEVIRTS, self.validate)

    def validate(self, review: Review) -> Denial | None:
        """Denies a second KubeVirt CR, a feature gate in both gate lists, and invalid settings.

        Source: v1.9.0 pkg/virt-operator/webhooks/kubevirt-update-admitter.go:67-152,448-595.
        """
        if review.operation == "CREATE":
            if next(self._cluster.store.keys(KUBEVIRTS), None) is None:
                return None
            return Denial(webhook=KUBEVIRT_CREATE, message="Kubevirt is already created")
        if review.operation != "UPDATE" or review.subresource:
            return None
        behaviour = self._cluster.config.behaviour
        gates, disabled = _gates(review.object)
        both = [gate for gate in gates if gate in disabled]
        if both and behaviour.gate_overlap_denied:
            lists = '"FeatureGates" and "DisabledFeatureGates"'
            message = f'feature gate "{both[0]}" exists on both {lists}'
            field = "spec.configuration.developerConfiguration.featureGates"
            return denied(KUBEVIRT_UPDATE, message, field, reason="FieldValueForbidden")
        if gates != _gates(review.old or {})[0]:
            graduated = behaviour.live_update_gate is GateStage.GRADUATED
            if graduated and LIVE_UPDATE_GATE in gates:
                review.warnings.append(GA_WARNING.format(gate=LIVE_UPDATE_GATE))
        return _interval_denial(review.object) or _ratio_denial(review.object)


def _gates(kubevirt: Json) -> tuple[list[str], list[str]]:
    developer = dig(kubevirt, "spec", "configuration", "developerConfiguration") or {}
    return list(developer.get("featureGates") or ()), list(
        developer.get("disabledFeatureGates") or ()
    )


def _interval_denial(kubevirt: Json) -> Denial | None:
    """Denies a batchEvictionInterval without a unit; observed on KubeVirt v1.9.0."""
    interval = dig(kubevirt, "spec", "workloadUpdateStrategy", "batchEvictionInterval")
    if not isinstance(interval, str) or not interval.isdigit() or interval == "0":
        return None
    message = f"time: missing unit in duration {json.dumps(interval)}"
    return Denial(webhook=KUBEVIRT_UPDATE, message=message, code=400, reason="")


def _ratio_denial(kubevirt: Json) -> Denial | None:
    name = "additionalGuestMemoryOverheadRatio"
    ratio = dig(kubevirt, "spec", "configuration", name)
    if ratio is None:
        return None
    field = f"spec.configuration.{name}"
    try:
        number = float(ratio)
    except ValueError:
        message = f"ratio provided, {ratio}, cannot be parsed into float: invalid syntax"
        return denied(KUBEVIRT_UPDATE, message, field)
    if number < 1:
        message = f"ratio provided, {ratio}, cannot be smaller than 1.0"
        return denied(KUBEVIRT_UPDATE, message, field)
    return None
