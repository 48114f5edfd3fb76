"""Scheduler: assigns pods to nodes with enough free resources, and starts them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.node import node_constraints
from reconciler.simulator.kubevirt.node.launcher_pod import DOMAIN_ANNOTATION
from reconciler.simulator.kubevirt.object_fields import (
    NODES,
    PODS,
    Json,
    dig,
    make_condition,
    section,
    set_condition,
)
from reconciler.simulator.kubevirt.vm_faults import Fault
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import NodeFacts, PodFacts
    from reconciler.simulator.store.history import Key, StoreEvent

GATED: Final = "SchedulingGated"
BIND_S: Final = (0.05, 0.3)
START_S: Final = (0.3, 0.4)


class Scheduler:
    """Simulates the scheduler and the kubelet: binds pending pods and starts them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._unschedulable: set[Key] = set()
        """The pods that a fault makes unschedulable."""
        self._waiting: dict[Key, None] = {}
        self._gated: set[Key] = set()
        """The pods that have a scheduling gate."""
        self.queue: WorkQueue[Key] = WorkQueue(cluster.engine, self.sync, latency_s=BIND_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues a new pod, or all waiting pods after a change that might have freed memory."""
        if event.key.resource == NODES:
            self._retry()
        if event.key.resource != PODS:
            return
        if event.type == "DELETED":
            self._waiting.pop(event.key, None)
            self._unschedulable.discard(event.key)
            self._gated.discard(event.key)
            self._retry()
            return
        facts = self._cluster.inventory.pods.get(event.key)
        if facts is None:
            return
        if not facts.active:
            self._retry()
        elif not facts.node and (event.type == "ADDED" or event.key in self._gated):
            self.queue.add(event.key)

    def sync(self, key: Key) -> None:
        """Binds a pod to a node, or writes into the status of the pod why it is unschedulable."""
        facts = self._cluster.inventory.pods.get(key)
        pod = self._cluster.store.get(key)
        if facts is None or pod is None or facts.node or not facts.active:
            return
        if facts.gated:
            if key not in self._gated:
                self._gated.add(key)
                self._report(key, "Scheduling is blocked due to non-empty scheduling gates", GATED)
            return
        self._gated.discard(key)
        node, message = self._choose(facts, pod)
        if node is None:
            self._waiting.setdefault(key)
            self._report(key, message)
            return
        self._waiting.pop(key, None)
        self._bind(key, node.name)

    def _retry(self) -> None:
        for key in self._waiting:
            self.queue.add(key)

    def _choose(self, facts: PodFacts, pod: Json) -> tuple[NodeFacts | None, str]:
        """Returns the suitable node with the most free memory, or None and an error message.

        On a tie, the first node by name is chosen. Only memory affects the score of a node.

        Source: kubernetes v1.36 pkg/scheduler (NodeResourcesFit, LeastAllocated).
        """
        if self._is_unschedulable(facts, pod):
            total = len(self._cluster.inventory.nodes)
            return None, f"0/{total} nodes are available: {total} Insufficient memory."
        inventory = self._cluster.inventory
        refused: Counter[str] = Counter()
        fitting: list[NodeFacts] = []
        for node in sorted(inventory.nodes.values(), key=lambda n: n.name):
            reason = self._misfit(node, facts, pod)
            if reason is None:
                fitting.append(node)
            else:
                refused[reason] += 1
        if fitting:
            best = max(fitting, key=lambda n: n.memory - inventory.memory_used[n.name])
            return best, ""
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(refused.items()))
        return None, f"0/{len(inventory.nodes)} nodes are available: {reasons}."

    def _misfit(self, node: NodeFacts, facts: PodFacts, pod: Json) -> str | None:
        inventory = self._cluster.inventory
        selector = dig(pod, "spec", "nodeSelector") or {}
        if not node.schedulable or any(node.labels.get(k) != v for k, v in selector.items()):
            return "node(s) didn't match Pod's node affinity/selector"
        if facts.migration and any(
            other.node == node.name and other.active
            for other in inventory.pods_of(facts.created_by)
        ):
            return "node(s) didn't match pod anti-affinity rules"
        return node_constraints.refusal(node, pod, inventory) or self._lacking(node, facts)

    def _lacking(self, node: NodeFacts, facts: PodFacts) -> str | None:
        inventory = self._cluster.inventory
        for name, asked in facts.others.items():
            if asked > node.others.get(name, 0) - inventory.others_used[node.name, name]:
                return "Too many pods" if name == "pods" else f"Insufficient {name}"
        if facts.memory > node.memory - inventory.memory_used[node.name]:
            return "Insufficient memory"
        for name, asked in facts.hugepages.items():
            if asked > node.hugepages.get(name, 0) - inventory.hugepages_used[node.name, name]:
                return f"Insufficient {name}"
        return None

    def _is_unschedulable(self, facts: PodFacts, pod: Json) -> bool:
        if facts.key in self._unschedulable:
            return True
        name = dig(pod, "metadata", "annotations", DOMAIN_ANNOTATION) or ""
        struck = bool(facts.migration) and self._cluster.faults.fires(
            facts.key.namespace, name, Fault.TARGET_UNSCHEDULABLE
        )
        if struck:
            self._unschedulable.add(facts.key)
        return struck

    def _report(self, key: Key, message: str, reason: str = "Unschedulable") -> None:
        now = self._cluster.now()
        found = make_condition("PodScheduled", "False", at=now, reason=reason, message=message)
        pod = self._cluster.store.mutate(key, lambda p: set_condition(p, found), status=True)
        if pod is not None and reason != GATED:
            self._cluster.recorder.warn(pod, "FailedScheduling", message, "default-scheduler")

    def _bind(self, key: Key, node: str) -> None:
        self._cluster.store.mutate(key, lambda pod: pod["spec"].update(nodeName=node))
        now = self._cluster.now()
        done = make_condition("PodScheduled", "True", at=now)
        self._cluster.store.mutate(key, lambda p: set_condition(p, done), status=True)
        self._cluster.engine.at(self._cluster.engine.between(*START_S), lambda: self._start(key))

    def _start(self, key: Key) -> None:
        facts = self._cluster.inventory.pods.get(key)
        if facts is None or facts.phase != "Pending":
            return
        now = self._cluster.now()

        def run(pod: Json) -> None:
            section(pod, "status").update(
                phase="Running", startTime=now, hostIP=_address(facts.node)
            )
            set_condition(pod, make_condition("Ready", "True", at=now))

        self._cluster.store.mutate(key, run, status=True)


def _address(node: str) -> str:
    return f"192.0.2.{sum(node.encode()) % 250 + 1}"
