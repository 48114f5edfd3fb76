"""ResourceQuotas: rejects pods that exceed a quota, and updates quota status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import inventory, quantity
from reconciler.simulator.kubevirt.object_fields import PODS, QUOTAS, Json, dig, section
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import PodFacts
    from reconciler.simulator.store.history import Key, StoreEvent

LATENCY_S: Final = (0.05, 0.1)

_MEASURES: Final[dict[str, Callable[[PodFacts], int]]] = {
    "memory": lambda pod: pod.memory,
    "requests.memory": lambda pod: pod.memory,
    "limits.memory": lambda pod: pod.limit,
    "pods": lambda _: 1,
    "count/pods": lambda _: 1,
}


class ResourceQuotas:
    """Simulates the ResourceQuota admission plugin for pods, and the quota controller."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.queue: WorkQueue[str] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues a namespace whose memory usage may have changed."""
        if event.key.resource in {PODS, QUOTAS} and self._cluster.inventory.quotas.get(
            event.key.namespace
        ):
            self.queue.add(event.key.namespace)

    def refusal(self, key: Key, pod: Json) -> str | None:
        """Returns the API server's error if a new pod would exceed a quota, or None.

        Source: kubernetes v1.36 plugin/pkg/admission/resourcequota/controller.go.
        """
        asked = inventory.pod_facts(key, pod)
        for quota_key in sorted(self._cluster.inventory.quotas.get(key.namespace, ()), key=str):
            quota = self._cluster.store.get(quota_key)
            hard = dig(quota, "spec", "hard") or {}
            used = self._usage(key.namespace, hard)
            over = [
                name
                for name in used
                if used[name] + _MEASURES[name](asked) > quantity.parse(hard[name])
            ]
            if over:
                requested = ",".join(f"{n}={_shown(n, _MEASURES[n](asked))}" for n in over)
                taken = ",".join(f"{n}={_shown(n, used[n])}" for n in over)
                limited = ",".join(f"{n}={hard[n]}" for n in over)
                return (
                    f'pods "{key.name}" is forbidden: exceeded quota: {quota_key.name}, '
                    f"requested: {requested}, used: {taken}, limited: {limited}"
                )
        return None

    def sync(self, namespace: str) -> None:
        """Writes the resource usage of a namespace's pods into its quotas' status."""
        for key in sorted(self._cluster.inventory.quotas.get(namespace, ()), key=str):
            quota = self._cluster.store.get(key)
            hard = dig(quota, "spec", "hard") or {}
            usage = self._usage(namespace, hard)
            used = {name: _shown(name, usage[name]) for name in usage}
            self._cluster.store.mutate(
                key,
                lambda stored, hard=hard, used=used: section(stored, "status").update(  # type: ignore[misc]  # bound in the loop on purpose
                    hard=hard, used=used
                ),
                status=True,
            )

    def _usage(self, namespace: str, hard: Json) -> dict[str, int]:
        pods = [pod for pod in self._cluster.inventory.pods_in(namespace) if pod.active]
        measured = [name for name in hard if name in _MEASURES]
        return {name: sum(map(_MEASURES[name], pods)) for name in measured}


def _shown(name: str, value: int) -> str:
    return quantity.binary(value) if "memory" in name else str(value)
