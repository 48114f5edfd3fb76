"""VMController: starts and stops VMIs, and applies VM changes to running VMIs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from reconciler.simulator.clock import rfc3339
from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt.controllers.vm_live_updater import VMLiveUpdater
from reconciler.simulator.kubevirt.object_fields import (
    RESTART_REQUIRED,
    REVISIONS,
    VMIS,
    VMS,
    Json,
    dig,
    drop_condition,
    drop_finalizer,
    is_deleting,
    is_final,
    key_of,
    name_of,
    section,
)
from reconciler.simulator.kubevirt.rules import defaults, instancetypes, vm_status
from reconciler.simulator.store.history import Key
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import Name
    from reconciler.simulator.store.history import StoreEvent

MANAGER: Final = "virt-controller"
LATENCY_S: Final = (0.03, 0.08)
"""The delay before a VM is reconciled, in seconds.

On real clusters, RestartRequired appeared 30 to 210 ms after a patch.
"""
START_RETRY_S: Final = 10
"""The seconds until the first retry of a failed VM start; after n failures, n² times as long."""


class VMController:
    """Simulates the VM controller of virt-controller, which reconciles VirtualMachines."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._types = instancetypes.Instancetypes(cluster.store)
        self._live = VMLiveUpdater(cluster, self._types)
        self.queue: WorkQueue[Name] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues a VM when the VM or its VMI changes, but not when the KubeVirt CR changes."""
        if event.key.resource in {VMS, VMIS}:
            self.queue.add((event.key.namespace, event.key.name))

    def sync(self, name: Name) -> None:
        """Reconciles one VirtualMachine."""
        vm = self._cluster.vm(*name)
        if vm is None:
            return
        if is_deleting(vm):
            self._terminate(vm, self._cluster.vmi(*name))
            return
        if defaults.VM_FINALIZER not in (vm["metadata"].get("finalizers") or ()):
            self._adopt(vm)
            return
        vmi = self._cluster.vmi(*name)
        if vmi is not None and _lacks_topology(vm, vmi):
            self._store.mutate(key_of(VMS, vm), _restore_topology, manager=MANAGER)
            return
        before = json_codec.copy(vm.get("status") or {})
        vmi = self._run(vm, vmi)
        if vmi is not None and not is_final(vmi):
            vmi = self._live.update(vm, vmi)
        vm_status.refresh(vm, vmi, now=self._cluster.now())
        self._save(before, vm)

    def _save(self, before: Json, vm: Json) -> None:
        if vm.get("status") != before:
            vm["metadata"].pop("resourceVersion", None)
            self._store.update(key_of(VMS, vm), vm, status=True, manager=MANAGER)

    def _adopt(self, vm: Json) -> None:
        key = key_of(VMS, vm)
        self._store.mutate(key, vm_status.first_status, status=True, manager=MANAGER)
        self._store.mutate(key, defaults.observe_versions, manager=MANAGER)
        self._store.mutate(key, _add_finalizer, manager=MANAGER)

    def _terminate(self, vm: Json, vmi: Json | None) -> None:
        if vmi is None:
            self._store.mutate(
                key_of(VMS, vm),
                lambda stored: drop_finalizer(stored, defaults.VM_FINALIZER),
                manager=MANAGER,
            )
            return
        if not is_deleting(vmi):
            self._store.delete(key_of(VMIS, vmi))
        before = json_codec.copy(vm.get("status") or {})
        self._note_failure(vm, vmi)
        vm_status.refresh(vm, self._store.get(key_of(VMIS, vmi)), now=self._cluster.now())
        self._save(before, vm)

    # Starting and stopping

    def _run(self, vm: Json, vmi: Json | None) -> Json | None:
        """Starts or stops a VMI as its VM requires, and returns the resulting VMI."""
        strategy = vm_status.run_strategy(vm)
        requests = dig(vm, "status", "stateChangeRequests") or []
        stop = next((r for r in requests if r["action"] == "Stop"), None)
        start = any(r["action"] == "Start" for r in requests)
        if vmi is None:
            if stop is not None:
                section(vm, "status")["stateChangeRequests"] = [
                    r for r in requests if r is not stop
                ]
            if strategy in {"Always", "RerunOnFailure"} or start:
                self._start(vm)
            return None
        asked = stop is not None and stop.get("uid") == vmi["metadata"]["uid"]
        unplaced = not dig(vmi, "status", "nodeName")
        if (
            is_final(vmi)
            and strategy != "Halted"
            and (unplaced or not (asked or is_deleting(vmi)))
        ):
            self._note_failure(vm, vmi)
        if is_deleting(vmi) or not (asked or strategy == "Halted" or is_final(vmi)):
            return vmi
        self._store.delete(key_of(VMIS, vmi))
        return self._store.get(key_of(VMIS, vmi))

    def _start(self, vm: Json) -> None:
        retry = dig(vm, "status", "startFailure", "retryAfterTimestamp")
        wait_s = _seconds_until(retry, self._cluster.engine.clock.now())
        if wait_s > 0:
            self.queue.add_after(name_of(vm), wait_s)
            return
        config = self._cluster.config
        self._live.keep_instancetype(vm)
        domain = self._types.domain(vm, config.behaviour)
        self.keep_start_revision(vm)
        vmi = defaults.make_vmi(vm, domain, config)
        drop_condition(vm, RESTART_REQUIRED)
        section(vm, "status").pop("stateChangeRequests", None)
        self._store.create(key_of(VMIS, vmi), vmi, manager=MANAGER)

    def keep_start_revision(self, vm: Json) -> None:
        """Stores a starting VM's spec in a ControllerRevision, to detect later changes."""
        key = Key(REVISIONS, vm["metadata"]["namespace"], defaults.revision_name(vm))
        if self._store.get(key) is None:
            data = {"spec": json_codec.copy(vm["spec"])}
            number = vm["metadata"]["generation"]
            self._store.create(key, instancetypes.revision_object(key, vm, data, number))

    def _note_failure(self, vm: Json, vmi: Json) -> None:
        status = section(vm, "status")
        earlier = status.get("startFailure") or {}
        uid = vmi["metadata"]["uid"]
        if earlier.get("lastFailedVMIUID") == uid or dig(vmi, "status", "phase") != "Failed":
            return
        count = earlier.get("consecutiveFailCount", 0) + 1
        retry = self._cluster.engine.clock.now() + timedelta(seconds=START_RETRY_S * count**2)
        status["startFailure"] = {
            "consecutiveFailCount": count,
            "lastFailedVMIUID": uid,
            "retryAfterTimestamp": rfc3339(retry),
        }


def _lacks_topology(vm: Json, vmi: Json) -> bool:
    """Returns whether the template of a VM lacks the PCI topology annotation of its VMI."""
    name, _ = defaults.PCI_TOPOLOGY
    kept = dig(vm, "spec", "template", "metadata", "annotations") or {}
    return name in vmi["metadata"]["annotations"] and name not in kept


def _restore_topology(vm: Json) -> None:
    """Restores the PCI topology annotation in a VM template, as observed on KubeVirt v1.9.0."""
    annotations = section(vm, "spec", "template", "metadata", "annotations")
    annotations.setdefault(*defaults.PCI_TOPOLOGY)


def _add_finalizer(vm: Json) -> None:
    vm["metadata"].setdefault("finalizers", []).append(defaults.VM_FINALIZER)


def _seconds_until(moment: str | None, now: datetime) -> float:
    if moment is None:
        return 0.0
    return (datetime.fromisoformat(moment).astimezone(UTC) - now).total_seconds()
