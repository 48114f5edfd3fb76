"""Builds VirtualMachineInstanceMigration objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import Json, dig

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.inventory import Name

MIGRATION_FINALIZER: Final = "kubevirt.io/migrationJobFinalize"
VMI_NAME_LABEL: Final = "kubevirt.io/vmi-name"
WORKLOAD_UPDATE: Final = "kubevirt.io/workloadUpdateMigration"
EVACUATION: Final = "kubevirt.io/evacuationMigration"


def prepare_migration(migration: Json) -> None:
    """Adds the finalizer and the label with the VMI name to a migration, as virt-api does."""
    meta = migration.setdefault("metadata", {})
    finalizers = meta.setdefault("finalizers", [])
    if MIGRATION_FINALIZER not in finalizers:
        finalizers.append(MIGRATION_FINALIZER)
    labels = meta.setdefault("labels", {})
    labels[VMI_NAME_LABEL] = dig(migration, "spec", "vmiName") or ""


def make_migration(vmi: Name, name: str, *, priority: str = "") -> Json:
    """Builds the migration that the workload updater creates for a VMI.

    Source: v1.9.0 pkg/virt-controller/watch/workload-updater/workload-updater.go:570-600; recorded
    on real clusters.
    """
    migration: Json = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {
            "annotations": {WORKLOAD_UPDATE: ""},
            "generateName": "kubevirt-workload-update-",
            "name": name,
            "namespace": vmi[0],
        },
        "spec": {"vmiName": vmi[1], **({"priority": priority} if priority else {})},
    }
    prepare_migration(migration)
    return migration
