"""AwareQuotas: simulates Application-Aware Quota (AAQ), which holds pods by a scheduling gate.

AAQ counts a VM once: its source pod by the memory that the guest has, and the target pod of a
migration by the growth over that. Each pod of a gated namespace starts with the gate, which AAQ
removes once every quota has capacity for the pod.

Source: kubevirt/application-aware-quota v1.8.0.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.object_fields import PODS, VMIS, Json, dig, section, size
from reconciler.simulator.store.history import Key
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import PodFacts
    from reconciler.simulator.store.history import StoreEvent

API_VERSION: Final = "aaq.kubevirt.io/v1alpha1"
QUOTAS: Final = "applicationawareresourcequotas.aaq.kubevirt.io"
SETTINGS: Final = "aaqs.aaq.kubevirt.io"
GATE: Final = "ApplicationAwareQuotaGate"
ENABLE_GATING: Final = "application-aware-quota/enable-gating"
DEDICATED, VIRTUAL = "DedicatedVirtualResources", "VirtualResources"
POD_USAGE, IGNORED = "VmiPodUsage", "IgnoreVmiCalculator"
CALCULATORS: Final = (DEDICATED, VIRTUAL, POD_USAGE, IGNORED)
LATENCY_S: Final = (0.05, 0.2)


class AwareQuotas:
    """Simulates the webhook that adds the gate, and the controller that removes it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.queue: WorkQueue[str] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues a namespace whose pods, VMIs or quotas have changed."""
        if event.key.resource in {PODS, VMIS, QUOTAS} and self._quotas(event.key.namespace):
            self.queue.add(event.key.namespace)

    def gate(self, pod: Json) -> None:
        """Adds the gate to a new pod of a gated namespace."""
        if self._quotas(pod["metadata"]["namespace"]):
            pod["spec"]["schedulingGates"] = [{"name": GATE}]

    def sync(self, namespace: str) -> None:
        """Counts the usage, removes the gates of pods that fit, and reports the usage."""
        pods = [each for each in self._cluster.inventory.pods_in(namespace) if each.active]
        used: Counter[str] = Counter()
        for pod in pods:
            if not pod.gated:
                used.update(self._usage(pod))
        quotas = self._quotas(namespace)
        for pod in pods:
            asked = self._usage(pod)
            if pod.gated and all(_fits(quota, used, asked) for quota in quotas.values()):
                used.update(asked)
                self._cluster.store.mutate(pod.key, _open)
        for key, quota in quotas.items():
            hard = dig(quota, "spec", "hard") or {}
            shown = {name: quantity.binary(used[name]) for name in hard}
            self._cluster.store.mutate(
                key,
                lambda stored, hard=hard, shown=shown: section(stored, "status").update(  # type: ignore[misc]  # bound in the loop on purpose
                    hard=hard, used=shown
                ),
                status=True,
            )

    def _quotas(self, namespace: str) -> dict[Key, Json]:
        store = self._cluster.store
        found = {key: store.get(key) for key in store.keys(QUOTAS, namespace)}
        return {key: quota for key, quota in found.items() if quota is not None}

    def _calculator(self) -> str:
        store = self._cluster.store
        for key in store.keys(SETTINGS):
            path = ("spec", "configuration", "vmiCalculatorConfiguration", "configName")
            return dig(store.get(key), *path) or DEDICATED
        return DEDICATED

    def _usage(self, pod: PodFacts) -> dict[str, int]:
        """Returns what AAQ counts for a pod of a VMI."""
        calculator = self._calculator()
        vmi = self._cluster.store.get(
            Key(VMIS, pod.key.namespace, pod.labels.get("vm.kubevirt.io/name", ""))
        )
        if calculator == IGNORED or vmi is None:
            return {}
        if calculator == POD_USAGE:
            others = self._cluster.inventory.pods_of(pod.created_by)
            source = next((each for each in others if each.active and not each.migration), None)
            before = source.memory if pod.migration and source is not None else 0
            return {"requests.memory": max(0, pod.memory - before)}
        requested = size(vmi, "status", "memory", "guestRequested") or 0
        wanted = size(vmi, "spec", "domain", "memory", "guest") or 0
        amount = max(0, wanted - requested) if pod.migration else (requested or wanted)
        if calculator == DEDICATED:
            return {"requests.memory/vmi": amount}
        return {"requests.memory": amount, "limits.memory": amount}


def _fits(quota: Json, used: Counter[str], asked: dict[str, int]) -> bool:
    hard = dig(quota, "spec", "hard") or {}
    return all(
        name not in hard or used[name] + amount <= quantity.parse(hard[name])
        for name, amount in asked.items()
        if amount
    )


def _open(pod: Json) -> None:
    gates = [each for each in pod["spec"].get("schedulingGates") or () if each["name"] != GATE]
    pod["spec"]["schedulingGates"] = gates
    if not gates:
        del pod["spec"]["schedulingGates"]
