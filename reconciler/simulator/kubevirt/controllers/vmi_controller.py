"""VMIController: creates launcher pods, and sets the phases and hotplug conditions of VMIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.node import launcher_pod, limit_ranges
from reconciler.simulator.kubevirt.object_fields import (
    HOT_CPU_CHANGE,
    HOT_MEMORY_CHANGE,
    PODS,
    READY,
    VMIS,
    Json,
    condition,
    dig,
    drop_finalizer,
    enter_phase,
    is_deleting,
    is_final,
    key_of,
    make_condition,
    name_of,
    section,
    set_condition,
    size,
)
from reconciler.simulator.kubevirt.rules import defaults, memory_overhead
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import Name, PodFacts
    from reconciler.simulator.kubevirt.node.resource_quotas import ResourceQuotas
    from reconciler.simulator.store.history import Key, StoreEvent

MANAGER: Final = "virt-controller"
LATENCY_S: Final = (0.02, 0.05)
POD_NOT_EXISTS: Final = "virt-launcher pod has not yet been scheduled"
QUOTA_RETRY_S: Final = 5.0
TERMINATION_S: Final = (0.08, 0.12)
RELEASE_S: Final = (0.09, 0.14)
"""The observed range, in seconds, of the time between two steps of a stop or an eviction."""


class VMIController:
    """Simulates the VMI controller of virt-controller, which reconciles VMIs."""

    def __init__(self, cluster: Cluster, quotas: ResourceQuotas) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._quotas = quotas
        self._ending: set[tuple[str, str]] = set()
        self.queue: WorkQueue[Name] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues a VMI when the VMI or one of its pods changes."""
        if event.key.resource == VMIS and event.type != "DELETED":
            self.queue.add((event.key.namespace, event.key.name))
        elif event.key.resource == PODS:
            owner = _owner(self._cluster, event)
            if owner:
                self.queue.add((event.key.namespace, owner))

    def sync(self, name: Name) -> None:
        """Reconciles one VirtualMachineInstance."""
        vmi = self._cluster.vmi(*name)
        if vmi is None:
            return
        pods = self._cluster.inventory.pods_of(vmi["metadata"]["uid"])
        if is_final(vmi):
            self._finish(vmi)
        elif is_deleting(vmi):
            self._stop(vmi, pods)
        elif dig(vmi, "status", "phase") == "Pending":
            self._place(vmi, pods)
        else:
            self._follow(vmi, pods)

    def _save(self, vmi: Json) -> None:
        vmi["metadata"].pop("resourceVersion", None)
        self._store.update(key_of(VMIS, vmi), vmi, manager=MANAGER)

    # Starting

    def _place(self, vmi: Json, pods: list[PodFacts]) -> None:
        annotations = section(vmi, "metadata", "annotations")
        if not defaults.OBSERVED_VERSIONS.keys() <= annotations.keys():
            annotations.update(defaults.OBSERVED_VERSIONS)
            self._save(vmi)
            return
        config, now = self._cluster.config, self._cluster.now()
        if config.behaviour.pod_awaited and condition(vmi, READY) is None:
            set_condition(vmi, _not_ready(now, "PodNotExists", POD_NOT_EXISTS))
            self._save(vmi)
            return
        if not pods:
            pod = launcher_pod.make_pod(vmi, config, self._store.ids.suffix())
            launcher_pod.add_auto_limit(pod, self._quotas.limits_in(vmi["metadata"]["namespace"]))
            ranges = self._quotas.ranges_in(vmi["metadata"]["namespace"])
            limit_ranges.add_defaults(pod, ranges)
            refusal = limit_ranges.refusal(pod, ranges) or self._quotas.refusal(
                launcher_pod.pod_key(pod), pod
            )
            if refusal is not None:
                self._cluster.recorder.warn(
                    vmi,
                    "FailedCreate",
                    f"Error creating pod: {refusal}",
                    "virtualmachine-controller",
                )
                self.queue.add_after(name_of(vmi), QUOTA_RETRY_S)
                return
            self._quotas.aware.gate(pod)
            uid = self._store.create(launcher_pod.pod_key(pod), pod, manager=MANAGER)["metadata"][
                "uid"
            ]
        else:
            uid = self._uid(pods[-1])
        status = section(vmi, "status")
        status["activePods"] = {uid: ""}
        status["launcherContainerImageVersion"] = launcher_pod.image(config.behaviour.text)
        if config.behaviour.memory_overhead_status and "memory" in status:
            cost = memory_overhead.memory_overhead(vmi, config)
            status["memory"]["memoryOverhead"] = quantity.binary(cost)
        set_condition(
            vmi, _not_ready(now, "GuestNotRunning", "Guest VM is not reported as running")
        )
        enter_phase(vmi, "Scheduling", now)
        self._save(vmi)

    def _uid(self, pod: PodFacts) -> str:
        return str((self._store.get(pod.key) or {})["metadata"]["uid"])

    # Running

    def _follow(self, vmi: Json, pods: list[PodFacts]) -> None:
        now, status = self._cluster.now(), section(vmi, "status")
        own = _own_pod(vmi, pods)
        if own is None and status["phase"] in {"Scheduled", "Running"}:
            self._fail_without_pod(vmi)
            return
        if status["phase"] == "Scheduling" and own is not None:
            self._note_placement(vmi, own, now)
        active = status.setdefault("activePods", {})
        for pod in pods:
            if pod.active:
                active[self._uid(pod)] = pod.node
        if status["phase"] == "Running":
            status.setdefault(
                "launcherContainerImageVersion",
                launcher_pod.image(self._cluster.config.behaviour.text),
            )
            request_hotplug(vmi)
        if json_codec.encode(vmi) != self._store.raw(key_of(VMIS, vmi)):
            self._save(vmi)

    def _note_placement(self, vmi: Json, pod: PodFacts, now: str) -> None:
        status = section(vmi, "status")
        if pod.node:
            status.setdefault("qosClass", "Burstable")
        if pod.phase == "Running":
            report_node(vmi, pod.node)
            enter_phase(vmi, "Scheduled", now)

    # Stopping

    def _stop(self, vmi: Json, pods: list[PodFacts]) -> None:
        if not dig(vmi, "status", "nodeName"):
            # Kubernetes deletes a pod that is not bound to a node immediately; observed on v1.9.0.
            self._end(vmi, pods)
            return
        ready = condition(vmi, READY)
        if ready is None or ready.get("reason") != "PodTerminating":
            now = self._cluster.now()
            set_condition(
                vmi, _not_ready(now, "PodTerminating", "virt-launcher pod is terminating")
            )
            self._save(vmi)
            return
        self._cluster.engine.at(
            self._cluster.engine.between(*TERMINATION_S), lambda: self._end(vmi, pods)
        )

    def evict(self, name: Name) -> None:
        """Deletes the launcher pod of a VMI, as the API server does for an allowed eviction."""
        vmi = self._cluster.vmi(*name)
        if vmi is None or is_final(vmi):
            return
        pods = self._cluster.inventory.pods_of(vmi["metadata"]["uid"])
        own = _own_pod(vmi, pods)
        if own is None:
            return
        now = self._cluster.now()
        set_condition(vmi, _not_ready(now, "PodTerminating", "virt-launcher pod is terminating"))
        self._save(vmi)
        delay_s = self._cluster.engine.between(*TERMINATION_S)
        self._cluster.engine.at(delay_s, lambda: self._kill(own.key))

    def _kill(self, pod: Key) -> None:
        self._store.delete(pod)

    def _end(self, vmi: Json, pods: list[PodFacts]) -> None:
        for pod in pods:
            self._store.delete(pod.key)
        current = self._cluster.vmi(*name_of(vmi))
        if current is not None and not is_final(current):
            self._fail_without_pod(current)

    def _fail_without_pod(self, vmi: Json) -> None:
        """Sets a VMI without a launcher pod to Failed, as observed after a stop or eviction."""
        now, status = self._cluster.now(), section(vmi, "status")
        if is_deleting(vmi) and status.get("nodeName"):
            self._ending.add((vmi["metadata"]["uid"], "stopped"))
        active = status.get("activePods") or {}
        node = status.get("nodeName", "")
        status["activePods"] = {uid: where for uid, where in active.items() if where != node}
        set_condition(vmi, _not_ready(now, "PodNotExists", POD_NOT_EXISTS))
        enter_phase(vmi, "Failed", now)
        self._save(vmi)

    def _finish(self, vmi: Json) -> None:
        """Removes the finalizers of a Succeeded or Failed VMI, as observed on real clusters."""
        uid, foreground = vmi["metadata"]["uid"], self._cluster.config.behaviour.finalizer
        step = "foreground" if foreground in (vmi["metadata"].get("finalizers") or ()) else "last"
        if (step == "last" and not is_deleting(vmi)) or (uid, step) in self._ending:
            return
        self._ending.add((uid, step))
        delay_s = self._cluster.engine.between(*RELEASE_S)
        self._cluster.engine.at(delay_s, lambda: self._release(name_of(vmi), uid, step))

    def _release(self, name: Name, uid: str, step: str) -> None:
        vmi = self._cluster.vmi(*name)
        if vmi is None or vmi["metadata"]["uid"] != uid:
            return
        status = section(vmi, "status")
        if step == "foreground":
            drop_finalizer(vmi, self._cluster.config.behaviour.finalizer)
            for field in ("activePods", "launcherContainerImageVersion"):
                status.pop(field, None)
            if (uid, "stopped") in self._ending:
                status["phase"] = "Succeeded"
        else:
            self._ending -= {(uid, "foreground"), (uid, "last"), (uid, "stopped")}
            drop_finalizer(vmi, defaults.VM_FINALIZER)
        self._save(vmi)


def report_node(vmi: Json, node: str) -> None:
    """Writes the node, volumes and interfaces of a VMI into its status, as on real clusters."""
    section(vmi, "metadata", "labels")["kubevirt.io/nodeName"] = node
    volumes, networks = (vmi["spec"].get(name) or () for name in ("volumes", "networks"))
    section(vmi, "status").update(
        migrationTransport="Unix",
        nodeName=node,
        volumeStatus=[{"name": volume["name"], "target": ""} for volume in volumes],
        interfaces=[{"name": n["name"], "podInterfaceName": "eth0"} for n in networks],
    )


def request_hotplug(vmi: Json) -> None:
    """Sets HotMemoryChange on a running VMI if the memory in its spec was not hotplugged yet.

    The function also adds HotVCPUChange, if the CPUs in the VMI's spec differ from its status.

    Source: v1.9.0 pkg/virt-controller/watch/vmi/lifecycle.go:502-508,1158-1163.
    """
    cpu, has = dig(vmi, "spec", "domain", "cpu") or {}, dig(vmi, "status", "currentCPUTopology")
    other = has is not None and any(cpu.get(p) != has.get(p) for p in defaults.TOPOLOGY)
    if other and condition(vmi, HOT_CPU_CHANGE) is None:
        set_condition(vmi, make_condition(HOT_CPU_CHANGE, "True", at=None))
    wanted = size(vmi, "spec", "domain", "memory", "guest")
    plugged = size(vmi, "status", "memory", "guestRequested")
    if wanted is None or plugged is None or wanted == plugged:
        return
    if condition(vmi, HOT_MEMORY_CHANGE) is None:
        set_condition(vmi, make_condition(HOT_MEMORY_CHANGE, "True", at=None))


def _own_pod(vmi: Json, pods: list[PodFacts]) -> PodFacts | None:
    """Returns the pod in which a VMI runs or will run."""
    node = dig(vmi, "status", "nodeName")
    active = [pod for pod in pods if pod.active]
    if node:
        return next((pod for pod in active if pod.node == node), None)
    return next((pod for pod in active if not pod.migration), None)


def _owner(cluster: Cluster, event: StoreEvent) -> str:
    facts = cluster.inventory.pods.get(event.key)
    if facts is not None and not facts.created_by:
        return ""
    name = event.key.name.removeprefix("virt-launcher-")
    return name.rpartition("-")[0] if name != event.key.name else ""


def _not_ready(now: str, reason: str, message: str) -> Json:
    return make_condition(READY, "False", at=now, probed=True, reason=reason, message=message)
