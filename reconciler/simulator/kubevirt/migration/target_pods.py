"""MigrationPods: creates, checks and deletes the target pods of migrations."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.node import launcher_pod, limit_ranges
from reconciler.simulator.kubevirt.object_fields import Json, condition, dig, section

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import MigrationFacts, PodFacts
    from reconciler.simulator.kubevirt.node.resource_quotas import ResourceQuotas

MANAGER: Final = "virt-controller"
COMPONENT: Final = "virtualmachineinstancemigration-controller"
UNSCHEDULABLE_TIMEOUT: Final = "kubevirt.io/migrationUnschedulablePodTimeoutSeconds"
PENDING_TIMEOUT: Final = "kubevirt.io/migrationPendingPodTimeoutSeconds"
UNSCHEDULABLE_S: Final = 300.0
PENDING_S: Final = 900.0
"""The age in seconds at which KubeVirt deletes a migration's pending target pod.

Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:99,1733-1756.
"""


class MigrationPods:
    """Creates, checks and deletes the target pods of migrations."""

    def __init__(self, cluster: Cluster, quotas: ResourceQuotas) -> None:
        self._cluster = cluster
        self._quotas = quotas

    def create(self, migration: Json, vmi: Json) -> str | None:
        """Creates a migration's target pod; returns the API server's error, or None on success."""
        source = self._cluster.inventory.nodes.get(dig(vmi, "status", "nodeName") or "")
        pod = launcher_pod.make_pod(
            vmi,
            self._cluster.config,
            self._cluster.store.ids.suffix(),
            migration,
            source.labels if source is not None else None,
        )
        key = launcher_pod.pod_key(pod)
        launcher_pod.add_auto_limit(pod, self._quotas.limits_in(key.namespace))
        ranges = self._quotas.ranges_in(key.namespace)
        limit_ranges.add_defaults(pod, ranges)
        refusal = (
            launcher_pod.invalid(pod)
            or limit_ranges.refusal(pod, ranges)
            or self._quotas.refusal(key, pod)
        )
        if refusal is not None:
            self._record(vmi, "Warning", "FailedCreate", f"Error creating pod: {refusal}")
            return refusal
        self._quotas.aware.gate(pod)
        self._cluster.store.create(key, pod, manager=MANAGER)
        message = f"Created migration target pod {key.namespace}/{key.name}"
        self._record(migration, "Normal", "SuccessfulCreate", message)
        return None

    def check(self, migration: Json, pod: PodFacts) -> float | None:
        """Reports that a target pod is unschedulable, and deletes a pod that is pending too long.

        Returns:
            The seconds until the next check, or None if the pod is deleted.
        """
        stored = self._cluster.store.get(pod.key)
        scheduled = condition(stored, "PodScheduled")
        unschedulable = (
            scheduled is not None
            and scheduled["status"] == "False"
            and scheduled.get("reason") == "Unschedulable"
        )
        if unschedulable:
            vmi = f"{pod.key.namespace}/{dig(migration, 'spec', 'vmiName')}"
            message = f"Migration target pod for VMI [{vmi}] is currently unschedulable"
            self._record(migration, "Warning", "migrationTargetPodUnschedulable", message)
        annotations = migration["metadata"].get("annotations") or {}
        name, default = (
            (UNSCHEDULABLE_TIMEOUT, UNSCHEDULABLE_S)
            if unschedulable
            else (PENDING_TIMEOUT, PENDING_S)
        )
        limit_s = float(annotations.get(name, default))
        created = datetime.fromisoformat((stored or {})["metadata"]["creationTimestamp"])
        left_s = limit_s - (self._cluster.engine.clock.now() - created).total_seconds()
        if left_s > 0:
            return left_s
        self._cluster.store.delete(pod.key)
        return None

    def source(self, vmi: Json) -> str:
        """Returns the name of the pod in which a VMI runs."""
        node = dig(vmi, "status", "nodeName")
        pods = self._cluster.inventory.pods_of(vmi["metadata"]["uid"])
        return next((pod.key.name for pod in pods if pod.active and pod.node == node), "")

    def retire(self, pod: str, vmi: Json, phase: str) -> None:
        """Sets the final phase of a launcher pod that a migration no longer needs."""
        for facts in self._cluster.inventory.pods_of(vmi["metadata"]["uid"]):
            if facts.key.name == pod and facts.active:
                self._cluster.store.mutate(
                    facts.key, lambda p: section(p, "status").update(phase=phase), status=True
                )

    def remove(self, facts: MigrationFacts) -> None:
        """Deletes the target pod of a migration, if it exists."""
        pod = self._cluster.inventory.target_pod(facts.uid)
        if pod is not None:
            self._cluster.store.delete(pod.key)

    def _record(self, about: Json, kind: str, reason: str, message: str) -> None:
        self._cluster.recorder.record(about, kind, reason, message, COMPONENT)


def pod_compute_memory(pod: Json | None) -> int:
    """Returns the memory request of the compute container in bytes, including huge pages."""
    containers = dig(pod, "spec", "containers") or ()
    requests: Json | None = next(
        (dig(c, "resources", "requests") for c in containers if c["name"] == "compute"), {}
    )
    return sum(
        quantity.parse(value)
        for name, value in (requests or {}).items()
        if name == "memory" or name.startswith("hugepages-")
    )
