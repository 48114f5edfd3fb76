"""MigrationController: reconciles migrations within the migration limits of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt.controllers import backups
from reconciler.simulator.kubevirt.migration import migration_rules, target_pods
from reconciler.simulator.kubevirt.migration.hand_over import hand_over
from reconciler.simulator.kubevirt.migration.migration_limits import MigrationLimits
from reconciler.simulator.kubevirt.migration_objects import MIGRATION_FINALIZER, prepare_migration
from reconciler.simulator.kubevirt.object_fields import (
    LIVE_MIGRATABLE,
    MIGRATIONS,
    PODS,
    QUOTAS,
    VMIS,
    Json,
    condition,
    condition_status,
    dig,
    drop_condition,
    drop_finalizer,
    enter_phase,
    is_deleting,
    is_final,
    is_running,
    key_of,
    make_condition,
    name_of,
    section,
    set_condition,
)
from reconciler.simulator.kubevirt.rules import defaults
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import MigrationFacts, PodFacts
    from reconciler.simulator.kubevirt.node.resource_quotas import ResourceQuotas
    from reconciler.simulator.store.history import Key, StoreEvent

MANAGER: Final = "virt-controller"
LATENCY_S: Final = (0.01, 0.02)
RETRY_S: Final = 5.0
QUOTA_REJECTED: Final = "migrationRejectedByResourceQuota"


class MigrationController:
    """Simulates the migration controller of virt-controller."""

    def __init__(self, cluster: Cluster, quotas: ResourceQuotas) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._limits = MigrationLimits(cluster)
        self._pods = target_pods.MigrationPods(cluster, quotas)
        self._backups = backups.Backups(cluster)
        self.queue: WorkQueue[Key] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues the migrations that a change to an object affects."""
        key, inventory = event.key, self._cluster.inventory
        if key.resource == MIGRATIONS:
            if event.type != "DELETED":
                self.queue.add(key)
            facts = inventory.migrations.get(key)
            if facts is None or not facts.unfinished:
                self._wake_pending()
        elif key.resource == VMIS:
            for facts in inventory.migrations_of((key.namespace, key.name)):
                mirror = self._cluster.config.behaviour.finished_mirror
                if facts.unfinished or mirror or event.type == "DELETED":
                    self.queue.add(facts.key)
        elif key.resource == PODS:
            pod = inventory.pods.get(key)
            if pod is None or pod.migration:
                self._wake_namespace(key.namespace, None if pod is None else pod.migration)
        elif key.resource == QUOTAS:
            self._wake_namespace(key.namespace, None)

    def sync(self, key: Key) -> None:
        """Reconciles one VirtualMachineInstanceMigration."""
        migration = self._store.get(key)
        facts = self._cluster.inventory.migrations.get(key)
        if migration is None or facts is None:
            return
        vmi = self._cluster.vmi(*facts.vmi)
        if is_final(migration):
            self._finish(migration, vmi)
        elif vmi is None:
            self._end(migration, "Failed", "VMI does not exist.")
        elif is_final(vmi):
            self._end(
                migration, "Failed", "Migration failed because vmi shutdown during migration."
            )
        elif facts.phase == "":
            self._accept(migration, vmi)
        elif is_deleting(migration) and not _handed_over(migration, vmi):
            self._end(migration, "Failed", "Migration failed due to being canceled")
            self._pods.remove(facts)
        else:
            self._advance(migration, facts, vmi)

    def _wake_pending(self) -> None:
        """Queues all pending migrations, highest priority first, because a slot might be free."""
        waiting = [
            m for m in self._cluster.inventory.unfinished_migrations() if not m.past_pending
        ]
        if self._cluster.config.migration_priorities:
            waiting.sort(key=lambda m: (-migration_rules.rank(m.priority), m.revision))
        for position, facts in enumerate(waiting):
            self.queue.add_after(facts.key, LATENCY_S[1] + position * 0.001)

    def _wake_namespace(self, namespace: str, migration_uid: str | None) -> None:
        for facts in self._cluster.inventory.unfinished_migrations():
            if facts.key.namespace == namespace and migration_uid in {None, facts.uid}:
                self.queue.add(facts.key)

    def _save(self, migration: Json) -> None:
        migration["metadata"].pop("resourceVersion", None)
        self._store.update(key_of(MIGRATIONS, migration), migration, status=True, manager=MANAGER)

    def _enter(self, migration: Json, phase: str) -> None:
        enter_phase(migration, phase, self._cluster.now())
        self._save(migration)

    # Pending

    def _accept(self, migration: Json, vmi: Json) -> None:
        self._store.mutate(key_of(MIGRATIONS, migration), _observe, manager=MANAGER)
        section(migration, "status", "migrationState")["sourcePod"] = self._pods.source(vmi)
        self._enter(migration, "Pending")
        if "kubevirt.io/nonroot" not in (vmi["metadata"].get("annotations") or {}):
            self._store.mutate(key_of(VMIS, vmi), _mark_nonroot, manager=MANAGER)

    def _advance(self, migration: Json, facts: MigrationFacts, vmi: Json) -> None:
        pod = self._cluster.inventory.target_pod(facts.uid)
        state = dig(vmi, "status", "migrationState") or {}
        if state.get("migrationUid") == facts.uid:
            self._follow(migration, facts, vmi, state)
        elif facts.phase == "Pending" and pod is None:
            self._try_to_start(migration, facts, vmi)
        elif facts.phase == "Pending":
            self._enter(migration, "Scheduling")
        elif pod is None or not pod.active:
            self._end(
                migration,
                "Failed",
                "Migration target pod was removed during active migration.",
            )
        elif pod.phase == "Running" and facts.phase == "Scheduling":
            self._enter(migration, "Scheduled")
        elif facts.phase == "Scheduled":
            self._hand_over(migration, vmi, pod)
        elif (again_s := self._pods.check(migration, pod)) is not None:
            self.queue.add_after(facts.key, again_s)

    def _try_to_start(self, migration: Json, facts: MigrationFacts, vmi: Json) -> None:
        wait_s = self._limits.backoff_s(migration, facts)
        if wait_s > 0:
            message = f"backoff migrating vmi {'/'.join(name_of(vmi))}"
            self._cluster.recorder.warn(vmi, "MigrationBackoff", message, target_pods.COMPONENT)
            self.queue.add_after(facts.key, wait_s)
            return
        if not is_running(vmi) or condition_status(vmi, LIVE_MIGRATABLE) == "False":
            self.queue.add_after(facts.key, RETRY_S)
            return
        if self._waits_for_backup(migration, vmi):
            self.queue.add_after(facts.key, RETRY_S)
            return
        if not self._limits.has_slot(facts, vmi):
            queue = self._cluster.config.migration_priorities
            self.queue.add_after(facts.key, migration_rules.poll_s(facts.priority, queue=queue))
            return
        if (refusal := self._pods.create(migration, vmi)) is not None:
            # Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:766-772.
            if "exceeded quota" in refusal:
                self._report_quota(migration)
            self.queue.add_after(facts.key, RETRY_S)
            return
        drop_condition(migration, QUOTA_REJECTED)
        self._enter(migration, "Scheduling")

    def _waits_for_backup(self, migration: Json, vmi: Json) -> bool:
        said = condition(migration, backups.BLOCKED)
        waits = self._backups.blocks(migration, vmi)
        if not waits:
            drop_condition(migration, backups.BLOCKED)
        if condition(migration, backups.BLOCKED) != said:
            self._save(migration)
        return waits

    def _report_quota(self, migration: Json) -> None:
        if condition(migration, QUOTA_REJECTED) is None:
            made = make_condition(QUOTA_REJECTED, "True", at=None)
            made["lastProbeTime"] = self._cluster.now()
            set_condition(migration, made)
            self._save(migration)

    # Handed over

    def _hand_over(self, migration: Json, vmi: Json, pod: PodFacts) -> None:
        hand_over(self._cluster, migration, vmi, pod, source_pod=self._pods.source(vmi))
        self._enter(migration, "PreparingTarget")

    def _follow(self, migration: Json, facts: MigrationFacts, vmi: Json, state: Json) -> None:
        if is_deleting(migration) and not state.get("completed"):
            self._request_abort(migration, vmi, state)
            return
        if state.get("failed"):
            self._end(migration, "Failed", "source node reported migration failed", vmi)
        elif state.get("completed"):
            self._end(migration, "Succeeded", "", vmi)
        elif state.get("startTimestamp"):
            self._progress(migration, facts, "Running")
        elif state.get("targetNodeAddress"):
            self._progress(migration, facts, "TargetReady")
        else:
            self._progress(migration, facts, "PreparingTarget")

    def _progress(self, migration: Json, facts: MigrationFacts, phase: str) -> None:
        if facts.phase != phase:
            self._enter(migration, phase)

    def _request_abort(self, migration: Json, vmi: Json, state: Json) -> None:
        if state.get("abortRequested"):
            return
        made = make_condition("migrationAbortRequested", "True", at=None)
        made["lastProbeTime"] = self._cluster.now()
        set_condition(migration, made)
        self._save(migration)

        def abort(stored: Json) -> None:
            section(stored, "status", "migrationState").update(
                abortRequested=True, abortStatus="Aborting"
            )

        self._store.mutate(key_of(VMIS, vmi), abort, manager=MANAGER)

    # Finished

    def _end(self, migration: Json, phase: str, message: str, vmi: Json | None = None) -> None:
        if vmi is not None and phase == "Succeeded":
            self._pods.retire(
                vmi["status"]["migrationState"].get("sourcePod", ""), vmi, "Succeeded"
            )
        elif vmi is not None:
            self._pods.retire(vmi["status"]["migrationState"].get("targetPod", ""), vmi, "Failed")
        if phase == "Failed":
            self._cluster.recorder.warn(
                migration, "FailedMigration", message, target_pods.COMPONENT
            )
        self._enter(migration, phase)

    def _finish(self, migration: Json, vmi: Json | None) -> None:
        """Finalizes a finished migration, and deletes the VMI's oldest finished migrations."""
        key = key_of(MIGRATIONS, migration)
        state = dig(vmi, "status", "migrationState")
        uid = migration["metadata"]["uid"]
        mirror = self._cluster.config.behaviour.finished_mirror
        mine = bool(state) and (mirror or state.get("migrationUid") == uid)
        if mine and migration["status"].get("migrationState") != state:
            migration["status"]["migrationState"] = json_codec.copy(state)
            self._save(migration)
            return
        if MIGRATION_FINALIZER in (migration["metadata"].get("finalizers") or ()):
            self._store.mutate(
                key, lambda stored: drop_finalizer(stored, MIGRATION_FINALIZER), manager=MANAGER
            )
        if vmi is None:
            self._store.delete(key)
            return
        own = self._cluster.inventory.migrations_of((key.namespace, vmi["metadata"]["name"]))
        for facts in migration_rules.surplus(own):
            self._store.delete(facts.key)


def _handed_over(migration: Json, vmi: Json) -> bool:
    state: Any = dig(vmi, "status", "migrationState") or {}
    return bool(state.get("migrationUid") == migration["metadata"]["uid"])


def _observe(migration: Json) -> None:
    defaults.observe_versions(migration)
    prepare_migration(migration)


def _mark_nonroot(vmi: Json) -> None:
    section(vmi, "metadata", "annotations")["kubevirt.io/nonroot"] = "true"
