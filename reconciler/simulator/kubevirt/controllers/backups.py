"""Backups of running VMs: how a VMI shows one, what ends it, and what migrations make of it.

Only what others see of a backup is played: no data is copied, and the volume that KubeVirt holds
attached for one (`migrationBlockedByUtilityVolumes`) is let go of at once.
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
"""From the request to abort a backup until it has failed; the simulator's to choose."""
ABORTED: Final = "backup aborted"


def started(name: str, *, at: str) -> Json:
    """Returns a VMI's `status.changedBlockTracking` from when a backup has started."""
    return {"backupStatus": {"backupName": name, "startTimestamp": at}, "state": "Enabled"}


def running(vmi: Json | None) -> str:
    """Returns the name of the backup that runs on a VMI, or an empty text.

    Source: v1.9.0 staging/src/kubevirt.io/api/core/v1/types.go (BackupStatus): one with a name
    that has not completed; one that fails completes as well.
    """
    status = dig(vmi, "status", "changedBlockTracking", "backupStatus") or {}
    return "" if status.get("completed") else str(status.get("backupName") or "")


class Backups:
    """Ends backups, and holds migrations back while they run."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def end(self, name: Name, backup: str, *, failure: str = "") -> None:
        """Ends a VMI's backup, unless it has ended before; with a text it fails."""
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

    def hold(self, migration: Json, vmi: Json) -> bool:
        """Tells whether a migration has to wait for a backup, and aborts the backup if it may.

        A migration that waits gets its condition here; whoever calls stores it.

        Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:1581-1645; from v1.8.
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
