"""ResourceQuotas: rejects pods that exceed a ResourceQuota, and updates the quota status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import inventory
from reconciler.simulator.kubevirt.node import label_selectors, limit_ranges
from reconciler.simulator.kubevirt.node.aware_quotas import AwareQuotas
from reconciler.simulator.kubevirt.object_fields import PODS, QUOTAS, Json, dig, section
from reconciler.simulator.kubevirt.quota_amounts import measured, parsed, shown
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import PodFacts
    from reconciler.simulator.store.history import Key, StoreEvent

LATENCY_S: Final = (0.05, 0.1)

PRIORITY_CLASS: Final = "PriorityClass"


def selects(quota: Json, pod: PodFacts) -> bool:
    """Returns whether a quota's scopes include a pod, which is assumed to have requests."""
    spec = quota.get("spec") or {}
    for scope in spec.get("scopes") or ():
        if not _in_scope({"scopeName": scope, "operator": "Exists"}, pod):
            return False
    expressions = dig(spec, "scopeSelector", "matchExpressions") or ()
    return all(_in_scope(each, pod) for each in expressions)


def _in_scope(expression: Json, pod: PodFacts) -> bool:
    scope = expression["scopeName"]
    if scope != PRIORITY_CLASS:
        return scope in ("NotTerminating", "NotBestEffort")
    labels = {PRIORITY_CLASS: pod.priority_class} if pod.priority_class else {}
    return label_selectors.matches({**expression, "key": PRIORITY_CLASS}, labels)


class ResourceQuotas:
    """Simulates the ResourceQuota admission plugin for pods, and the quota controller."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.aware = AwareQuotas(cluster)
        self.queue: WorkQueue[str] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues a namespace after a change that can affect its quota usage."""
        if event.key.resource in {PODS, QUOTAS} and self._cluster.inventory.quotas.get(
            event.key.namespace
        ):
            self.queue.add(event.key.namespace)

    def refusal(self, key: Key, pod: Json) -> str | None:
        """Returns the API server's error for a new or larger pod that exceeds a quota, or None.

        For a pod that already exists, only the increase counts.

        Source: kubernetes v1.36 plugin/pkg/admission/resourcequota/controller.go.
        """
        asked, has = inventory.pod_facts(key, pod), self._cluster.inventory.pods.get(key)
        for quota_key in sorted(self._cluster.inventory.quotas.get(key.namespace, ()), key=str):
            quota = self._cluster.store.get(quota_key)
            if not selects(quota or {}, asked):
                continue
            hard = dig(quota, "spec", "hard") or {}
            used = self._usage(key.namespace, quota or {})
            needs = {
                name: (measured(name, asked) or 0) - ((measured(name, has) or 0) if has else 0)
                for name in used
            }
            over = [name for name in used if used[name] + needs[name] > parsed(name, hard[name])]
            if over:
                requested = ",".join(f"{n}={shown(n, needs[n])}" for n in over)
                taken = ",".join(f"{n}={shown(n, used[n])}" for n in over)
                limited = ",".join(f"{n}={hard[n]}" for n in over)
                return (
                    f'pods "{key.name}" is forbidden: exceeded quota: {quota_key.name}, '
                    f"requested: {requested}, used: {taken}, limited: {limited}"
                )
        return None

    def ranges_in(self, namespace: str) -> list[Json]:
        """Returns the LimitRanges in a namespace."""
        return self._cluster.store.list(limit_ranges.RESOURCE, namespace)

    def limits_in(self, namespace: str) -> list[Json]:
        """Returns the hard limits of each ResourceQuota in a namespace."""
        keys = self._cluster.inventory.quotas.get(namespace, ())
        return [dig(self._cluster.store.get(key), "spec", "hard") or {} for key in keys]

    def sync(self, namespace: str) -> None:
        """Writes the resource usage of the pods in a namespace into the status of its quotas."""
        for key in sorted(self._cluster.inventory.quotas.get(namespace, ()), key=str):
            quota = self._cluster.store.get(key)
            hard = dig(quota, "spec", "hard") or {}
            usage = self._usage(namespace, quota or {})
            used = {name: shown(name, usage[name]) for name in usage}
            self._cluster.store.mutate(
                key,
                lambda stored, hard=hard, used=used: section(stored, "status").update(  # type: ignore[misc]  # bound in the loop on purpose
                    hard=hard, used=used
                ),
                status=True,
            )

    def _usage(self, namespace: str, quota: Json) -> dict[str, int]:
        pods = [
            pod
            for pod in self._cluster.inventory.pods_in(namespace)
            if pod.active and selects(quota, pod)
        ]
        used: dict[str, int] = {}
        for name in dig(quota, "spec", "hard") or {}:
            amounts = [measured(name, pod) for pod in pods]
            if None not in amounts:
                used[name] = sum(each or 0 for each in amounts)
        return used
