"""Backups: simulates running VM backups, which delay migrations.

Only the API-visible part of a backup is simulated: no data is copied, and the utility volume that
KubeVirt attaches for a backup (`migrationBlockedByUtilityVolumes`) is detached immediately.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import (
    VMIS,
    Json,
    condition,
    dig,
    make_condition,
    section,
    set_condition,
)
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import Name

MANAGER: Final = "virt-handler"
BLOCKED: Final = "migrationBlockedByBackup"
SYSTEM_CRITICAL: Final = "system-critical"
ABORT_S: Final = (0.3, 0.4)
"""The seconds until an aborted backup counts as failed; estimated, not observed."""
ABORTED: Final = "backup aborted"


def started(name: str, *, at: str) -> Json:
    """Builds the `status.changedBlockTracking` of a VMI whose backup has started."""
    return {"backupStatus": {"backupName": name, "startTimestamp": at}, "state": "Enabled"}


def running(vmi: Json | None) -> str:
    """Returns the name of the running backup of a VMI, or an empty string if no backup runs.

    A backup with a name runs until it is completed. KubeVirt also marks a failed backup as
    completed.

    Source: v1.9.0 staging/src/kubevirt.io/api/core/v1/types.go (BackupStatus).
    """
    status = dig(vmi, "status", "changedBlockTracking", "backupStatus") or {}
    return "" if status.get("completed") else str(status.get("backupName") or "")


class Backups:
    """Ends VM backups, and delays migrations while a backup runs."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def end(self, name: Name, backup: str, *, failure: str = "") -> None:
        """Ends a VMI's running backup as completed or, if `failure` is given, as failed."""
        vmi = self._cluster.vmi(*name)
        if vmi is None or running(vmi) != backup:
            return
        now = self._cluster.now()

        def ended(stored: Json) -> None:
            status = section(stored, "status", "changedBlockTracking", "backupStatus")
            status.update(completed=True, endTimestamp=now)
            if failure:
                status.update(failed=True, backupMsg=failure)

        self._cluster.store.mutate(Key(VMIS, *name), ended, manager=MANAGER)

    def blocks(self, migration: Json, vmi: Json) -> bool:
        """Returns whether a migration must wait until the backup of its VMI has ended.

        A system-critical migration aborts the backup. Any other migration gets a condition while
        it waits; the caller must store the migration. Before v1.8, KubeVirt does not wait for
        backups.

        Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:1581-1645.
        """
        backup = running(vmi)
        if not backup or not self._cluster.config.behaviour.backups:
            return False
        if dig(migration, "spec", "priority") == SYSTEM_CRITICAL:
            name = (vmi["metadata"]["namespace"], vmi["metadata"]["name"])
            self._cluster.engine.at(
                self._cluster.engine.between(*ABORT_S),
                lambda: self.end(name, backup, failure=ABORTED),
            )
            return True
        message = f"Waiting for backup {backup} to complete"
        said = condition(migration, BLOCKED)
        if said is None or said.get("message") != message:
            made = make_condition(BLOCKED, "True", at=None, message=message)
            made["lastProbeTime"] = self._cluster.now()
            set_condition(migration, made)
        return True
