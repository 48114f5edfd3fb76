"""InPlaceResizer: resizes launcher pods in place, so that memory grows without a migration.

Source: inferred from the KubeVirt proposal VEP 45 (kubevirt/enhancements PR 46); no KubeVirt
release does this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt.node import launcher_pod
from reconciler.simulator.kubevirt.object_fields import (
    HOT_MEMORY_CHANGE,
    VMIS,
    Json,
    condition,
    condition_status,
    dig,
    drop_condition,
    is_deleting,
    key_of,
    make_condition,
    set_condition,
)
from reconciler.simulator.kubevirt.rules import in_place
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import Name, PodFacts
    from reconciler.simulator.kubevirt.node.resource_quotas import ResourceQuotas
    from reconciler.simulator.kubevirt.node.virt_handler import VirtHandler
    from reconciler.simulator.store.history import StoreEvent

MANAGER: Final = "virt-controller"
LATENCY_S: Final = (0.05, 0.1)
RESIZE_S: Final = (1.0, 2.0)
"""The assumed seconds that the kubelet takes to resize a pod."""
RETRY_S: Final = 5.0


class InPlaceResizer:
    """Simulates virt-controller and the kubelet while they resize a launcher pod in place."""

    def __init__(self, cluster: Cluster, quotas: ResourceQuotas, handler: VirtHandler) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._quotas = quotas
        self._handler = handler
        self.queue: WorkQueue[Name] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues a changed VMI if in-place resizing is enabled."""
        if (
            event.key.resource == VMIS
            and event.type != "DELETED"
            and self._cluster.config.in_place
        ):
            self.queue.add((event.key.namespace, event.key.name))

    def sync(self, name: Name) -> None:
        """Resizes the launcher pod of a VMI whose memory must grow in place."""
        vmi = self._pending(name)
        if vmi is None or condition(vmi, in_place.IN_PROGRESS) is not None:
            return
        pods = self._cluster.inventory.pods_of(vmi["metadata"]["uid"])
        node = dig(vmi, "status", "nodeName")
        pod = next((each for each in pods if each.active and each.node == node), None)
        if pod is None:
            return
        if (problem := self._enlarge(vmi, pod)) is None:
            self._mark(vmi, in_place.IN_PROGRESS)
            delay_s = self._cluster.engine.between(*RESIZE_S)
            self._cluster.engine.at(delay_s, lambda: self._plug(name))
            return
        if problem == in_place.INFEASIBLE and condition(vmi, in_place.INFEASIBLE) is None:
            self._mark(vmi, in_place.INFEASIBLE)
        self.queue.add_after(name, RETRY_S)

    def _pending(self, name: Name) -> Json | None:
        vmi = self._cluster.vmi(*name)
        if vmi is None or is_deleting(vmi) or not in_place.is_marked(vmi):
            return None
        return vmi if condition_status(vmi, HOT_MEMORY_CHANGE) == "True" else None

    def _enlarge(self, vmi: Json, pod: PodFacts) -> str | None:
        """Resizes a launcher pod to the spec of its VMI, or returns why this is impossible."""
        larger = json_codec.copy(self._store.get(pod.key) or {})
        resources = _guest(launcher_pod.make_pod(vmi, self._cluster.config, ""))["resources"]
        _guest(larger)["resources"] = resources
        launcher_pod.add_auto_limit(larger, self._quotas.limits_in(pod.key.namespace))
        refusal = self._quotas.refusal(pod.key, larger)
        if refusal is not None:
            self._cluster.recorder.warn(vmi, "FailedResize", refusal, MANAGER)
            return refusal
        inventory = self._cluster.inventory
        grown = launcher_pod.compute_memory(larger) - launcher_pod.compute_memory(
            self._store.get(pod.key) or {}
        )
        if grown > inventory.nodes[pod.node].memory - inventory.memory_used[pod.node]:
            return in_place.INFEASIBLE
        enlarged = _guest(larger)["resources"]
        self._store.mutate(
            pod.key, lambda stored: _guest(stored).update(resources=enlarged), manager=MANAGER
        )
        return None

    def _mark(self, vmi: Json, name: str) -> None:
        found = make_condition(name, "True", at=self._cluster.now())
        self._store.mutate(key_of(VMIS, vmi), lambda stored: set_condition(stored, found))

    def _plug(self, name: Name) -> None:
        vmi = self._pending(name)
        if vmi is None:
            return
        vmi = json_codec.copy(vmi)
        drop_condition(vmi, in_place.IN_PROGRESS)
        drop_condition(vmi, in_place.INFEASIBLE)
        vmi["metadata"]["annotations"].pop(in_place.ANNOTATION)
        self._handler.plug_in_place(vmi)


def _guest(pod: Json) -> Json:
    """Returns the container of a launcher pod that runs the guest."""
    return next(each for each in pod["spec"]["containers"] if each["name"] == "compute")
