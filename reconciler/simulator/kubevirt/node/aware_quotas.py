"""AwareQuotas: simulates Application-Aware Quota (AAQ), which delays pods with a scheduling gate.

Each pod in a gated namespace starts with the gate. AAQ removes the gate when every quota of the
namespace and of the cluster has capacity for the pod. `aaq_usage` computes a pod's usage.

Source: kubevirt/application-aware-quota v1.8.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.node import aaq_usage
from reconciler.simulator.kubevirt.node.label_selectors import selected
from reconciler.simulator.kubevirt.object_fields import PODS, VMIS, Json, dig, section
from reconciler.simulator.kubevirt.quota_amounts import parsed, shown
from reconciler.simulator.store.history import Key
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import PodFacts
    from reconciler.simulator.store.history import StoreEvent

API_VERSION: Final = "aaq.kubevirt.io/v1alpha1"
QUOTAS: Final = "applicationawareresourcequotas.aaq.kubevirt.io"
CLUSTER_QUOTAS: Final = "applicationawareclusterresourcequotas.aaq.kubevirt.io"
SETTINGS: Final = "aaqs.aaq.kubevirt.io"
GATE: Final = "ApplicationAwareQuotaGate"
ENABLE_GATING: Final = "application-aware-quota/enable-gating"
LATENCY_S: Final = (0.05, 0.2)
_ROUND: Final = "round"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quota:
    key: Key
    hard: Mapping[str, str]
    namespaces: tuple[str, ...]

    def used(self, usage: Mapping[str, Counter[str]]) -> Counter[str]:
        """Returns how much the pods in the namespaces of the quota use."""
        return sum((usage[each] for each in self.namespaces), Counter())

    def holds(self, used: Counter[str], asked: Mapping[str, int]) -> bool:
        """Returns whether the quota has capacity for all limited resources that a pod requests."""
        return all(
            used[name] + asked[name] <= parsed(name, limit)
            for name, limit in self.hard.items()
            if asked.get(name)
        )


class AwareQuotas:
    """Simulates the webhook that adds the scheduling gate, and the controller that removes it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._installed = False
        self.down = False
        """Whether the controller does not run, so that it removes no gate and counts no usage."""
        self.queue: WorkQueue[str] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)

    def start(self) -> None:
        """Starts to count pods if the cluster has an Application-Aware Quota (AAQ)."""
        self._installed = any(
            any(True for _ in self._cluster.store.keys(each)) for each in (QUOTAS, CLUSTER_QUOTAS)
        )
        if self._installed:
            self.queue.add(_ROUND)

    def observe(self, event: StoreEvent) -> None:
        """Queues a reconcile round after a change to a pod, a VMI or a quota."""
        resource = event.key.resource
        self._installed = self._installed or resource in {QUOTAS, CLUSTER_QUOTAS}
        if self._installed and resource in {PODS, VMIS, QUOTAS, CLUSTER_QUOTAS}:
            self.queue.add(_ROUND)

    def gate(self, pod: Json) -> None:
        """Adds the scheduling gate to a new pod in a namespace that AAQ limits."""
        if self._installed and pod["metadata"]["namespace"] in self._gated_namespaces():
            pod["spec"]["schedulingGates"] = [{"name": GATE}]

    def sync(self, _round: str) -> None:
        """Counts the quota usage, removes the gates from pods that fit, and reports the usage."""
        quotas = () if self.down else self._quotas()
        usage: dict[str, Counter[str]] = {}
        gated: list[PodFacts] = []
        for namespace in sorted({name for quota in quotas for name in quota.namespaces}):
            usage[namespace] = Counter()
            for pod in self._cluster.inventory.pods_in(namespace):
                if pod.active and not pod.gated:
                    usage[namespace].update(self._usage(pod))
                elif pod.active:
                    gated.append(pod)
        for pod in gated:
            namespace, asked = pod.key.namespace, self._usage(pod)
            mine = [each for each in quotas if namespace in each.namespaces]
            if all(each.holds(each.used(usage), asked) for each in mine):
                usage[namespace].update(asked)
                self._cluster.store.mutate(pod.key, _open)
        for quota in quotas:
            self._report(quota, usage)

    def _report(self, quota: _Quota, usage: Mapping[str, Counter[str]]) -> None:
        def status(used: Counter[str]) -> Json:
            amounts = {name: shown(name, used[name]) for name in quota.hard}
            return {"hard": dict(quota.hard), "used": amounts}

        total = status(quota.used(usage))
        if quota.key.resource == CLUSTER_QUOTAS:
            each = [{"namespace": n, "status": status(usage[n])} for n in quota.namespaces]
            total = {"total": total, "namespaces": each}

        def report(stored: Json) -> None:
            section(stored, "status").update(total)

        self._cluster.store.mutate(quota.key, report, status=True)

    def _quotas(self) -> list[_Quota]:
        """Returns all AAQ quotas, each with the namespaces to which it applies."""
        store, gated = self._cluster.store, self._gated_namespaces()
        found = []
        for key in (*store.keys(QUOTAS), *store.keys(CLUSTER_QUOTAS)):
            spec = (store.get(key) or {}).get("spec") or {}
            if key.namespace:
                names: tuple[str, ...] = (key.namespace,)
                hard = spec.get("hard")
            else:
                selector = dig(spec, "selector", "labels") or {}
                names = tuple(n for n, own in gated.items() if selected(selector, own))
                hard = dig(spec, "quota", "hard")
            chosen = tuple(name for name in names if name in gated)
            found.append(_Quota(key=key, hard=hard or {}, namespaces=chosen))
        return found

    def _gated_namespaces(self) -> dict[str, Mapping[str, str]]:
        """Returns the labels of each namespace whose pods get the scheduling gate."""
        selector = dig(self._settings(), "spec", "namespaceSelector")
        found = {
            each["metadata"]["name"]: each["metadata"].get("labels") or {}
            for each in self._cluster.store.list("namespaces")
        }
        if selector is None:
            return {name: own for name, own in found.items() if ENABLE_GATING in own}
        return {name: own for name, own in found.items() if selected(selector, own)}

    def _settings(self) -> Json:
        return next(iter(self._cluster.store.list(SETTINGS)), {})

    def _usage(self, pod: PodFacts) -> Mapping[str, int]:
        """Returns how much of each quota resource AAQ counts for a pod."""
        path = ("spec", "configuration", "vmiCalculatorConfiguration", "configName")
        name = Key(VMIS, pod.key.namespace, pod.labels.get("vm.kubevirt.io/name", ""))
        vmi = self._cluster.store.get(name)
        calculator = dig(self._settings(), *path) or aaq_usage.DEDICATED
        return aaq_usage.counted(calculator, pod, vmi, self._cluster.config)


def _open(pod: Json) -> None:
    gates = [each for each in pod["spec"].get("schedulingGates") or () if each["name"] != GATE]
    pod["spec"]["schedulingGates"] = gates
    if not gates:
        del pod["spec"]["schedulingGates"]
