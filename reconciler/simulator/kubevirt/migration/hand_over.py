"""Hands a migration over from virt-controller to virt-handler on the source and target node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.migration import migration_policy, target_pods
from reconciler.simulator.kubevirt.node.virt_handler import POD_REQUEST_LABEL
from reconciler.simulator.kubevirt.object_fields import (
    HOT_MEMORY_CHANGE,
    VMIS,
    Json,
    condition_status,
    key_of,
    section,
)
from reconciler.simulator.kubevirt.rules import memory_overhead
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import PodFacts

MANAGER: Final = "virt-controller"


def hand_over(
    cluster: Cluster, migration: Json, vmi: Json, pod: PodFacts, *, source_pod: str
) -> None:
    """Writes a migration's target and settings into the VMI, where virt-handler reads them.

    Source: v1.9.0 pkg/virt-controller/watch/migration/migration.go:1199-1293,2697-2717.
    """
    config = cluster.config
    memory = memory_overhead.pod_memory(vmi, config)
    policy = _policy(cluster, vmi)
    named = {} if policy is None else {"migrationPolicyName": policy["metadata"]["name"]}
    state: Json = {
        "migrationConfiguration": migration_policy.settings(
            config.migrations, policy, config.behaviour
        ),
        **named,
        "migrationUid": migration["metadata"]["uid"],
        "sourceNode": vmi["status"]["nodeName"],
        "sourcePod": source_pod,
        "targetNode": pod.node,
        "targetPod": pod.key.name,
    }
    if config.behaviour.memory_overhead_status:
        state["targetMemoryOverhead"] = quantity.binary(memory.overhead)
    section(vmi, "status")["migrationState"] = state
    labels = section(vmi, "metadata", "labels")
    labels["kubevirt.io/migrationTargetNodeName"] = pod.node
    if condition_status(vmi, HOT_MEMORY_CHANGE) == "True":
        requested = target_pods.pod_compute_memory(cluster.store.get(pod.key))
        if not config.behaviour.label_has_hugepages:
            requested -= memory.hugepages
        plain = memory.hugepages and config.behaviour.default_requests
        labels[POD_REQUEST_LABEL] = str(requested) if plain else quantity.binary(requested)
    vmi["metadata"].pop("resourceVersion", None)
    cluster.store.update(key_of(VMIS, vmi), vmi, manager=MANAGER)


def _policy(cluster: Cluster, vmi: Json) -> Json | None:
    namespace = Key(migration_policy.NAMESPACES, "", vmi["metadata"]["namespace"])
    found = cluster.store.list(migration_policy.POLICIES)
    return migration_policy.applied(found, vmi, cluster.store.get(namespace))
