"""QuotaScaling: simulates Harvester's controller that raises quotas during migrations.

While a migration is pending or runs, the controller adds the VMI's memory and CPU limits and its
memory overhead to the limits of the quota that Rancher manages. Other quotas do not change.

Source: harvester pkg/controller/master/migration/vmim_controller.go and
pkg/controller/master/resourcequota, at a commit after v1.5. The feature exists since v1.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import MIGRATIONS, QUOTAS, VMIS, Json, dig
from reconciler.simulator.kubevirt.quota_amounts import parsed, shown
from reconciler.simulator.kubevirt.rules import memory_overhead
from reconciler.simulator.store.history import Key
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.store.history import StoreEvent

RANCHER_LABEL: Final = "resourcequota.management.cattle.io/default-resource-quota"
_LATENCY_S: Final = (0.2, 0.5)
_FINAL: Final = ("Succeeded", "Failed")


class QuotaScaling:
    """Raises the quota of a namespace for each migration, and lowers it after the migration."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._raised: dict[Key, tuple[Key, dict[str, int]]] = {}
        """Maps each VMI to the quota that was raised for its migration, and to the amount."""
        self.queue: WorkQueue[Key] = WorkQueue(cluster.engine, self.sync, latency_s=_LATENCY_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues a migration after a change."""
        if event.key.resource == MIGRATIONS and event.type != "DELETED":
            self.queue.add(event.key)

    def sync(self, key: Key) -> None:
        """Raises the quota for a pending migration, and lowers it after the migration."""
        migration = self._cluster.store.get(key)
        vmi_key = Key(VMIS, key.namespace, dig(migration, "spec", "vmiName") or "")
        phase = dig(migration, "status", "phase")
        if phase in _FINAL and vmi_key in self._raised:
            quota, more = self._raised.pop(vmi_key)
            self._change(quota, {name: -amount for name, amount in more.items()})
        elif phase == "Pending" and vmi_key not in self._raised:
            self._raise(vmi_key)

    def _raise(self, vmi_key: Key) -> None:
        store = self._cluster.store
        vmi = store.get(vmi_key)
        quota = next(
            (each for each in store.keys(QUOTAS, vmi_key.namespace) if self._is_managed(each)),
            None,
        )
        if vmi is None or quota is None:
            return
        limits = dig(vmi, "spec", "domain", "resources", "limits") or {}
        more = {f"limits.{name}": parsed(f"limits.{name}", limits[name]) for name in limits}
        if "limits.memory" in more:
            overhead = memory_overhead.pod_memory(vmi, self._cluster.config).overhead
            more["limits.memory"] += overhead
        self._raised[vmi_key] = quota, more
        self._change(quota, more)

    def _is_managed(self, key: Key) -> bool:
        labels = dig(self._cluster.store.get(key), "metadata", "labels") or {}
        return bool(labels.get(RANCHER_LABEL) == "true")

    def _change(self, key: Key, more: dict[str, int]) -> None:
        def change(quota: Json) -> None:
            hard = quota["spec"]["hard"]
            for name in more.keys() & hard.keys():
                hard[name] = shown(name, parsed(name, str(hard[name])) + more[name])

        self._cluster.store.mutate(key, change, manager="harvester")
