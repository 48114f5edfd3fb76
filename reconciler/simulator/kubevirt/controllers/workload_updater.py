"""WorkloadUpdater: migrates or evicts VMIs that have a pending change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.migration_objects import (
    EVACUATION,
    WORKLOAD_UPDATE,
    make_migration,
)
from reconciler.simulator.kubevirt.node import launcher_pod
from reconciler.simulator.kubevirt.object_fields import (
    KUBEVIRTS,
    LIVE_MIGRATABLE,
    MIGRATIONS,
    VMIS,
    Json,
    condition_status,
    dig,
    is_deleting,
    is_migrating,
    is_running,
    key_of,
    name_of,
)
from reconciler.simulator.kubevirt.rules import in_place, pod_eviction
from reconciler.simulator.kubevirt.versions import GateStage
from reconciler.simulator.store.history import Key
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.controllers.vmi_controller import VMIController
    from reconciler.simulator.kubevirt.inventory import Name
    from reconciler.simulator.store.history import StoreEvent

MANAGER: Final = "virt-controller"
COMPONENT: Final = "workload-update-controller"
DELAY_S: Final = 5.0
"""The seconds from an event until the next round of the workload updater.

On real clusters, a round started 1.4 to 20 s after a patch, mostly after about 5 s.

Source: v1.9.0 pkg/virt-controller/watch/workload-updater/workload-updater.go:58,226.
"""
SPIN_S: Final = 0.05
"""The seconds between update rounds while VMIs wait for a migration slot.

KubeVirt itself waits for only 30 ns (not 30 s).
"""
LIVE_MIGRATE: Final = "LiveMigrate"
EVICT: Final = "Evict"
USER_TRIGGERED: Final = "user-triggered"
SYSTEM_CRITICAL: Final = "system-critical"
_ROUND: Final = "round"


class WorkloadUpdater:
    """Simulates the workload updater, which migrates or evicts VMIs with pending changes."""

    def __init__(self, cluster: Cluster, vmis: VMIController) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._vmis = vmis
        self._next_eviction_s = 0.0
        self._slots_exhausted = False
        self.queue: WorkQueue[str] = WorkQueue(
            cluster.engine, self._run, latency_s=(DELAY_S, DELAY_S)
        )

    def observe(self, event: StoreEvent) -> None:
        """Queues an update round after a change to a VMI, a migration or the KubeVirt CR."""
        if event.key.resource not in {VMIS, MIGRATIONS, KUBEVIRTS}:
            return
        if self._slots_exhausted and event.key.resource == MIGRATIONS:
            self.queue.add_after(_ROUND, SPIN_S)
        elif event.key.resource != VMIS or self._waiting():
            self.queue.add(_ROUND)

    def _run(self, _: str) -> None:
        kubevirt = self._cluster.kubevirt()
        if kubevirt is None or not self._is_settled(kubevirt):
            return
        waiting = self._waiting()
        self._count_outdated(kubevirt, len(waiting))
        methods = self._cluster.config.update_methods
        inventory = self._cluster.inventory
        idle = [n for n in waiting if not any(m.unfinished for m in inventory.migrations_of(n))]
        self._cluster.engine.random.shuffle(idle)
        if LIVE_MIGRATE in methods:
            idle = self._migrate(idle)
        if EVICT in methods:
            self._evict(idle)
        self._withdraw(frozenset(waiting))

    def _waiting(self) -> list[Name]:
        """Returns the VMIs to update: first VMIs with a pending hotplug, then outdated VMIs."""
        inventory = self._cluster.inventory
        current = launcher_pod.image(self._cluster.config.behaviour.text)
        return list(dict.fromkeys([*inventory.hotplugs, *inventory.outdated(current)]))

    def _is_settled(self, kubevirt: Json) -> bool:
        """Returns whether the KubeVirt CR is Deployed; until then, the workload updater pauses.

        Source: v1.9.0 workload-updater.go:450-455; also observed on real clusters.
        """
        status = kubevirt.get("status") or {}
        same = status.get("observedDeploymentID") == status.get("targetDeploymentID")
        return status.get("phase") == "Deployed" and same

    def _count_outdated(self, kubevirt: Json, waiting: int) -> None:
        field = "outdatedVirtualMachineInstanceWorkloads"
        if dig(kubevirt, "status", field) == waiting:
            return
        self._store.mutate(
            key_of(KUBEVIRTS, kubevirt),
            lambda stored: stored["status"].update({field: waiting}),
            status=True,
            manager=MANAGER,
        )

    def _candidate(self, name: Name) -> Json | None:
        """Returns a VMI if it can be migrated or evicted now; otherwise None.

        Source: v1.9.0 workload-updater.go:366-428.
        """
        vmi = self._cluster.vmi(*name)
        if vmi is None or not is_running(vmi) or is_deleting(vmi) or is_migrating(vmi):
            return None
        if in_place.is_marked(vmi):
            return None
        return vmi

    def _migrate(self, idle: list[Name]) -> list[Name]:
        """Creates migrations up to the migration limit; returns the VMIs to evict instead."""
        config, inventory = self._cluster.config, self._cluster.inventory
        running = sum(1 for facts in inventory.unfinished_migrations() if facts.past_pending)
        free_slots = max(config.migration_limit("parallelMigrationsPerCluster") - running, 0)
        left: list[Name] = []
        for position, name in enumerate(idle):
            if free_slots == 0:
                self._slots_exhausted = True
                return [*left, *(idle[position:] if EVICT in config.update_methods else ())]
            vmi = self._candidate(name)
            if vmi is not None and condition_status(vmi, LIVE_MIGRATABLE) == "True":
                self._create(name, vmi)
                free_slots -= 1
            else:
                left.append(name)
        self._slots_exhausted = False
        return left

    def _create(self, name: Name, vmi: Json) -> None:
        config = self._cluster.config
        priorities = config.behaviour.priority_gate is not GateStage.ABSENT
        with_priority = priorities and config.migration_priorities
        migration = make_migration(
            name,
            f"kubevirt-workload-update-{self._store.ids.suffix()}",
            priority=self._priority(name) if with_priority else "",
        )
        self._store.create(key_of(MIGRATIONS, migration), migration, manager=MANAGER)
        made = migration["metadata"]["name"]
        message = f"Created Migration {made} for automated workload update"
        self._report(vmi, "Normal", "SuccessfulCreate", message)

    def _priority(self, name: Name) -> str:
        return USER_TRIGGERED if name in self._cluster.inventory.hotplugs else SYSTEM_CRITICAL

    def _evict(self, idle: list[Name]) -> None:
        """Evicts a batch of VMIs. Source: v1.9.0 workload-updater.go:519-527,602-632."""
        methods = self._cluster.config.update_methods
        candidates = [
            vmi
            for vmi in map(self._candidate, idle)
            if vmi is not None
            and not (LIVE_MIGRATE in methods and condition_status(vmi, LIVE_MIGRATABLE) == "True")
        ]
        if not candidates:
            return
        config, now_s = self._cluster.config, self._cluster.engine.clock.monotonic()
        if now_s < self._next_eviction_s:
            self.queue.add_after(_ROUND, self._next_eviction_s - now_s)
            return
        self._next_eviction_s = now_s + config.batch_eviction_interval_s
        for vmi in candidates[: config.batch_eviction_size]:
            name = name_of(vmi)
            denial = pod_eviction.denial(vmi)
            if denial is None:
                said = f"Evicted vmi pod of {'/'.join(name)} for automated workload update"
                self._report(vmi, "Normal", "SuccessfulEvict", said)
                self._vmis.evict(name)
                continue
            self._report(vmi, "Warning", "FailedEvict", f"Error evicting pod: {denial}")
            if pod_eviction.evacuates(vmi):
                self._evacuate(vmi)

    def _report(self, vmi: Json, kind: str, reason: str, message: str) -> None:
        self._cluster.recorder.record(vmi, kind, reason, message, COMPONENT)

    def _evacuate(self, vmi: Json) -> None:
        """Migrates a VMI whose eviction is denied; this migration also completes a hotplug."""
        migration = make_migration(name_of(vmi), f"kubevirt-evacuation-{self._store.ids.suffix()}")
        migration["metadata"]["generateName"] = "kubevirt-evacuation-"
        annotations = migration["metadata"]["annotations"]
        annotations.pop(WORKLOAD_UPDATE)
        annotations[EVACUATION] = dig(vmi, "status", "nodeName") or ""
        self._store.create(key_of(MIGRATIONS, migration), migration, manager=MANAGER)

    def _withdraw(self, waiting: frozenset[Name]) -> None:
        """Deletes workload update migrations of VMIs that no longer have a pending change.

        Source: v1.9.0 workload-updater.go:349-364,634-651.
        """
        inventory = self._cluster.inventory
        for facts in inventory.unfinished_migrations():
            if facts.vmi in waiting:
                continue
            migration = self._store.get(facts.key)
            annotations = dig(migration, "metadata", "annotations") or {}
            vmi = self._cluster.vmi(*facts.vmi)
            state = dig(vmi, "status", "migrationState") or {}
            ready = (
                state.get("migrationUid") == facts.uid
                and "targetNodeDomainReadyTimestamp" in state
            )
            if WORKLOAD_UPDATE in annotations and vmi is not None and not ready:
                self._store.delete(Key(MIGRATIONS, facts.key.namespace, facts.key.name))
