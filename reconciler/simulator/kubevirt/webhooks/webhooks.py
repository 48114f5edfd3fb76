"""The webhooks for VMIs, migrations and the KubeVirt CR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.admission import Denial, Review
from reconciler.simulator.kubevirt.cluster_config import LIVE_UPDATE_GATE
from reconciler.simulator.kubevirt.migration_objects import prepare_migration
from reconciler.simulator.kubevirt.object_fields import (
    KUBEVIRTS,
    LIVE_MIGRATABLE,
    MIGRATIONS,
    VMIS,
    Json,
    condition,
    dig,
    is_final,
)
from reconciler.simulator.kubevirt.versions import GateStage

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.kubevirt.cluster import Cluster

VMI_UPDATE: Final = "virtualmachineinstances-update-validator.kubevirt.io"
MIGRATION_CREATE: Final = "migration-create-validator.kubevirt.io"
MIGRATION_UPDATE: Final = "migration-update-validator.kubevirt.io"
KUBEVIRT_UPDATE: Final = "kubevirt-update-validator.kubevirt.io"
KUBEVIRT_CREATE: Final = "kubevirt-create-validator.kubevirt.io"

GA_WARNING: Final = (
    'feature gate {gate} is deprecated (feature state is "General Availability"), therefore it '
    "can be safely removed and is redundant. For more info, please look at: "
    "https://github.com/kubevirt/kubevirt/blob/main/docs/deprecation.md"
)
"""Source: v1.9.0 pkg/virt-config/featuregate/feature-gates.go:49-50."""


class Webhooks:
    """Admission for the objects that only KubeVirt, or an administrator, writes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def register(self, admission: Admission) -> None:
        """Adds the webhooks to the API server's registry."""
        admission.validating(VMIS, self.validate_vmi)
        admission.mutating(MIGRATIONS, self.mutate_migration)
        admission.validating(MIGRATIONS, self.validate_migration)
        admission.validating(KUBEVIRTS, self.validate_kubevirt)

    def validate_vmi(self, review: Review) -> Denial | None:
        """Source: v1.9.0 ADM/vmi-update-admitter.go:103-117."""
        if review.operation != "UPDATE" or review.old is None:
            return None
        if review.object.get("spec") == review.old.get("spec"):
            return None
        return _denied(VMI_UPDATE, "update of VMI object is restricted", "")

    def mutate_migration(self, review: Review) -> Denial | None:
        """Adds the finalizer and the label by which migrations of a VMI are found; recorded."""
        if review.operation == "CREATE":
            prepare_migration(review.object)
        return None

    def validate_migration(self, review: Review) -> Denial | None:
        """Source: v1.9.0 ADM/migration-create-admitter.go:68-134, migration-update-admitter.go."""
        if review.operation == "UPDATE" and review.old is not None:
            if review.object.get("spec") == review.old.get("spec"):
                return None
            message = "update of Migration object's spec is restricted"
            return _denied(MIGRATION_UPDATE, message, "spec")
        if review.operation != "CREATE":
            return None
        refusal = self._migration_refusal(review)
        return None if refusal is None else _denied(MIGRATION_CREATE, refusal, "spec.vmiName")

    def _migration_refusal(self, review: Review) -> str | None:
        namespace, spec = review.namespace, review.object.get("spec") or {}
        if spec.get("priority") and self._cluster.config.behaviour.version >= (1, 7, 0):
            return (
                "Migration priority queue, only virt-controller is allowed to set priority field"
            )
        name = spec.get("vmiName", "")
        vmi = self._cluster.vmi(namespace, name)
        if vmi is None:
            return f'the VMI "{namespace}/{name}" does not exist'
        if is_final(vmi):
            return "Cannot migrate VMI in finalized state."
        migratable = condition(vmi, LIVE_MIGRATABLE)
        if migratable is not None and migratable["status"] == "False":
            reason, message = migratable.get("reason", ""), migratable.get("message", "")
            return f"Cannot migrate VMI, Reason: {reason}, Message: {message}"
        running = self._cluster.inventory.migrations_of((namespace, name))
        active = next((facts for facts in running if facts.unfinished), None)
        if active is None:
            return None
        return (
            f"in-flight migration detected. Active migration job ({active.uid}) is currently "
            f"already in progress for VMI {name}."
        )

    def validate_kubevirt(self, review: Review) -> Denial | None:
        """Source: v1.9.0 pkg/virt-operator/webhooks/kubevirt-update-admitter.go:67-152,448-595."""
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
            return _denied(KUBEVIRT_UPDATE, message, "spec.configuration.developerConfiguration")
        if gates != _gates(review.old or {})[0]:
            graduated = behaviour.live_update_gate is GateStage.GRADUATED
            if graduated and LIVE_UPDATE_GATE in gates:
                review.warnings.append(GA_WARNING.format(gate=LIVE_UPDATE_GATE))
        return _ratio_denial(review.object)


def _gates(kubevirt: Json) -> tuple[list[str], list[str]]:
    developer = dig(kubevirt, "spec", "configuration", "developerConfiguration") or {}
    return list(developer.get("featureGates") or ()), list(
        developer.get("disabledFeatureGates") or ()
    )


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
        return _denied(KUBEVIRT_UPDATE, message, field)
    if number < 1:
        return _denied(
            KUBEVIRT_UPDATE, f"ratio provided, {ratio}, cannot be smaller than 1.0", field
        )
    return None


def _denied(webhook: str, message: str, field: str) -> Denial:
    cause = {
        "reason": "FieldValueInvalid",
        "message": message,
        **({"field": field} if field else {}),
    }
    return Denial(webhook=webhook, message=message, causes=(cause,))
