"""MigrationWebhooks: the webhooks of virt-api for migrations and VMI updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.admission import Denial, Review, denied
from reconciler.simulator.kubevirt.migration_objects import prepare_migration
from reconciler.simulator.kubevirt.object_fields import (
    LIVE_MIGRATABLE,
    MIGRATIONS,
    VMIS,
    condition,
    is_final,
)

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.kubevirt.cluster import Cluster

VMI_UPDATE: Final = "virtualmachineinstances-update-validator.kubevirt.io"
MIGRATION_CREATE: Final = "migration-create-validator.kubevirt.io"
MIGRATION_UPDATE: Final = "migration-update-validator.kubevirt.io"


class MigrationWebhooks:
    """Mutates and validates migrations, and validates VMIs."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def register(self, admission: Admission) -> None:
        """Registers the webhooks with the simulated API server."""
        admission.validating(VMIS, self.validate_vmi)
        admission.mutating(MIGRATIONS, self.mutate_migration)
        admission.validating(MIGRATIONS, self.validate_migration)

    def validate_vmi(self, review: Review) -> Denial | None:
        """Denies changes to the spec of a VMI by API clients.

        Source: v1.9.0
        pkg/virt-api/webhooks/validating-webhook/admitters/vmi-update-admitter.go:103-117.
        """
        if review.operation != "UPDATE" or review.old is None:
            return None
        if review.object.get("spec") == review.old.get("spec"):
            return None
        return denied(VMI_UPDATE, "update of VMI object is restricted")

    def mutate_migration(self, review: Review) -> Denial | None:
        """Adds the finalizer and the label with the VMI name to a new migration."""
        if review.operation == "CREATE":
            prepare_migration(review.object)
        return None

    def validate_migration(self, review: Review) -> Denial | None:
        """Denies changes to the spec of a migration, and denies invalid new migrations.

        Source: v1.9.0 pkg/virt-api/webhooks/validating-webhook/admitters
        (migration-create-admitter.go:68-134, migration-update-admitter.go).
        """
        if review.operation == "UPDATE" and review.old is not None:
            if review.object.get("spec") == review.old.get("spec"):
                return None
            message = "update of Migration object's spec is restricted"
            return denied(MIGRATION_UPDATE, message, "spec")
        if review.operation != "CREATE":
            return None
        refusal = self._migration_refusal(review)
        return None if refusal is None else denied(MIGRATION_CREATE, refusal, "spec.vmiName")

    def _migration_refusal(self, review: Review) -> str | None:
        namespace, spec = review.namespace, review.object.get("spec") or {}
        if spec.get("priority") and self._cluster.config.behaviour.priority_denied:
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
