"""MigrationLimits: decides whether the back-off and the limits allow a migration to start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.kubevirt.migration import migration_rules
from reconciler.simulator.kubevirt.migration_objects import EVACUATION, WORKLOAD_UPDATE
from reconciler.simulator.kubevirt.object_fields import Json, dig

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import MigrationFacts


class MigrationLimits:
    """Decides whether a pending migration can start now."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def backoff_s(self, migration: Json, facts: MigrationFacts) -> float:
        """Returns the remaining back-off of a migration in seconds, 0 or less if none remains."""
        annotations = migration["metadata"].get("annotations") or {}
        automatic = EVACUATION in annotations or (
            WORKLOAD_UPDATE in annotations and self._cluster.config.behaviour.backoff
        )
        if not automatic:
            return 0.0
        others = self._cluster.inventory.migrations_of(facts.vmi)
        end = migration_rules.backoff_end([m for m in others if m.key != facts.key])
        if end is None:
            return 0.0
        return (end - self._cluster.engine.clock.now()).total_seconds()

    def has_slot(self, facts: MigrationFacts, vmi: Json) -> bool:
        """Returns whether the cluster and node migration limits allow one more migration.

        Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:2440-2467.
        """
        inventory, config = self._cluster.inventory, self._cluster.config
        running = [
            other
            for other in inventory.unfinished_migrations()
            if other.key != facts.key
            and (other.past_pending or inventory.target_pod(other.uid) is not None)
        ]
        if any(other.vmi == facts.vmi for other in running):
            return False
        if len(running) >= config.migration_limit("parallelMigrationsPerCluster"):
            return False
        node = dig(vmi, "status", "nodeName")
        outbound = [m for m in running if self._source_node(m) == node]
        return len(outbound) < config.migration_limit("parallelOutboundMigrationsPerNode")

    def _source_node(self, facts: MigrationFacts) -> str:
        vmi = self._cluster.vmi(*facts.vmi)
        state = dig(vmi, "status", "migrationState") or {}
        if state.get("migrationUid") == facts.uid and not state.get("completed"):
            return str(state.get("sourceNode", ""))
        return str(dig(vmi, "status", "nodeName") or "")
