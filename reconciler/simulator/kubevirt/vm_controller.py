"""virt-controller's VM controller: starts and stops VMIs, and carries VM changes to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from reconciler.simulator import codec
from reconciler.simulator.clock import rfc3339
from reconciler.simulator.engine import WorkQueue
from reconciler.simulator.kubevirt import defaults, instancetypes, live_update, vm_status
from reconciler.simulator.kubevirt.live_update import Verdict
from reconciler.simulator.kubevirt.objects import (
    FAILURE,
    RESTART_REQUIRED,
    REVISIONS,
    VMIS,
    VMS,
    Json,
    condition,
    dig,
    drop_condition,
    drop_finalizer,
    is_deleting,
    is_final,
    key_of,
    make_condition,
    section,
    set_condition,
)
from reconciler.simulator.store import Key

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import Name
    from reconciler.simulator.store import StoreEvent

MANAGER: Final = "virt-controller"
LATENCY_S: Final = (0.03, 0.08)
"""RestartRequired was recorded 30 to 210 ms after the patch."""
START_RETRY_S: Final = 10
"""Doubling by the square of failures; the first recorded as 10 s."""
HOTPLUG_ERROR: Final = "HotPlugMemoryError"


class VMController:
    """Reconciles VirtualMachines."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._types = instancetypes.Instancetypes(cluster.store)
        self.queue: WorkQueue[Name] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues the VM that a change concerns; a change of the CR queues none."""
        if event.key.resource in {VMS, VMIS}:
            self.queue.add((event.key.namespace, event.key.name))

    def sync(self, name: Name) -> None:
        """Does what one VM needs now."""
        vm = self._cluster.vm(*name)
        if vm is None:
            return
        vmi = self._cluster.vmi(*name)
        if is_deleting(vm):
            self._terminate(vm, vmi)
            return
        if defaults.VM_FINALIZER not in (vm["metadata"].get("finalizers") or ()):
            self._adopt(vm)
            return
        before = codec.copy(vm)
        vmi = self._run(vm, vmi)
        if vmi is not None and not is_final(vmi):
            vmi = self._update(vm, vmi)
        vm_status.refresh(vm, vmi, now=self._cluster.now())
        self._save(before, vm)

    def _save(self, before: Json, vm: Json) -> None:
        if vm.get("status") != before.get("status"):
            vm["metadata"].pop("resourceVersion", None)
            self._store.update(key_of(VMS, vm), vm, status=True, manager=MANAGER)

    def _adopt(self, vm: Json) -> None:
        key = key_of(VMS, vm)
        self._store.mutate(key, vm_status.first_status, status=True, manager=MANAGER)
        self._store.mutate(key, _observe_versions, manager=MANAGER)
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
        before = codec.copy(vm)
        self._note_failure(vm, vmi)
        vm_status.refresh(vm, self._store.get(key_of(VMIS, vmi)), now=self._cluster.now())
        self._save(before, vm)

    # Starting and stopping

    def _run(self, vm: Json, vmi: Json | None) -> Json | None:
        """Starts or stops the VMI as the VM asks; returns the VMI as status shall show it."""
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
        if is_deleting(vmi) or not (asked or strategy == "Halted" or is_final(vmi)):
            return vmi
        if is_final(vmi) and strategy != "Halted" and not asked:
            self._note_failure(vm, vmi)
        self._store.delete(key_of(VMIS, vmi))
        return self._store.get(key_of(VMIS, vmi))

    def _start(self, vm: Json) -> None:
        retry = dig(vm, "status", "startFailure", "retryAfterTimestamp")
        wait_s = _seconds_until(retry, self._cluster.engine.clock.now())
        if wait_s > 0:
            self.queue.add_after((vm["metadata"]["namespace"], vm["metadata"]["name"]), wait_s)
            return
        config = self._cluster.config
        self._keep_instancetype(vm)
        domain = self._types.domain(vm, config.behaviour)
        self.keep_start_revision(vm)
        vmi = defaults.make_vmi(vm, domain, config)
        drop_condition(vm, RESTART_REQUIRED)
        section(vm, "status").pop("stateChangeRequests", None)
        self._store.create(key_of(VMIS, vmi), vmi, manager=MANAGER)

    def keep_start_revision(self, vm: Json) -> None:
        """Keeps the VM's spec as it starts, to compare later changes with."""
        key = Key(REVISIONS, vm["metadata"]["namespace"], defaults.revision_name(vm))
        if self._store.get(key) is None:
            data = {"spec": codec.copy(vm["spec"])}
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

    # Live updates

    def _update(self, vm: Json, vmi: Json) -> Json:
        config = self._cluster.config
        revision = self._start_revision(vmi)
        if revision is None:
            return vmi
        if revision["data"]["spec"]["template"] == vm["spec"]["template"]:
            vmi = self._bump_generation(vm, vmi)
        self._keep_instancetype(vm)
        if not config.behaviour.restart_required:
            self._update_memory(vm, vmi)
            return vmi
        started = self._template_at_start(vm, revision["data"]["spec"])
        current = live_update.expanded_template(
            vm["spec"]["template"]["spec"], self._types.effective(vm, config.behaviour)
        )
        if live_update.needs_restart(started, current, config):
            self._require_restart(vm, live_update.NON_LIVE_FIELD)
        elif config.behaviour.self_clearing:
            self._clear_unless_same(vm, vmi)
            return vmi
        if config.live_update and condition(vm, RESTART_REQUIRED) is None:
            self._update_memory(vm, vmi)
        return vmi

    def _clear_unless_same(self, vm: Json, vmi: Json) -> None:
        """Clears RestartRequired; if the memory step asks for it again, its time stays."""
        earlier = condition(vm, RESTART_REQUIRED)
        drop_condition(vm, RESTART_REQUIRED)
        if self._cluster.config.live_update:
            self._update_memory(vm, vmi)
        again = condition(vm, RESTART_REQUIRED)
        if earlier is not None and again is not None and earlier["message"] == again["message"]:
            again["lastTransitionTime"] = earlier["lastTransitionTime"]

    def _update_memory(self, vm: Json, vmi: Json) -> None:
        config = self._cluster.config
        domain = self._types.domain(vm, config.behaviour)
        decision = live_update.decide_memory(domain, vmi, config)
        failure = condition(vm, FAILURE)
        if decision.verdict is Verdict.REFUSED:
            self._fail(vm, decision.message)
            return
        if failure is not None and failure.get("reason") == HOTPLUG_ERROR:
            drop_condition(vm, FAILURE)
        if decision.verdict is Verdict.RESTART and config.behaviour.restart_required:
            self._require_restart(vm, decision.message)
        elif decision.verdict is Verdict.HOTPLUG:
            self._store.mutate(
                key_of(VMIS, vmi),
                lambda stored: live_update.hotplug(stored, decision),
                manager=MANAGER,
            )

    def _require_restart(self, vm: Json, message: str) -> None:
        now = self._cluster.now()
        set_condition(vm, make_condition(RESTART_REQUIRED, "True", at=now, message=message))

    def _fail(self, vm: Json, message: str) -> None:
        now = self._cluster.now()
        set_condition(
            vm, make_condition(FAILURE, "True", at=now, reason=HOTPLUG_ERROR, message=message)
        )

    def _start_revision(self, vmi: Json) -> Json | None:
        name = dig(vmi, "status", "virtualMachineRevisionName")
        return self._store.get(Key(REVISIONS, vmi["metadata"]["namespace"], name or ""))

    def _bump_generation(self, vm: Json, vmi: Json) -> Json:
        """Source: v1.9.0 pkg/virt-controller/watch/vm/vm.go:1438-1474; recorded."""
        generation = str(vm["metadata"]["generation"])
        if dig(vmi, "metadata", "annotations", defaults.GENERATION_ANNOTATION) == generation:
            return vmi

        def annotate(stored: Json) -> None:
            section(stored, "metadata", "annotations")[defaults.GENERATION_ANNOTATION] = generation

        return self._store.mutate(key_of(VMIS, vmi), annotate, manager=MANAGER) or vmi

    def _template_at_start(self, vm: Json, spec: Json) -> Json:
        name = dig(spec, "instancetype", "name")
        if name is None:
            return spec["template"]["spec"]  # type: ignore[no-any-return]  # JSON
        meta = vm["metadata"]
        prefix = f"{meta['name']}-{name}-v1beta1-"
        keys = self._store.keys(REVISIONS, meta["namespace"])
        kept = next((key for key in keys if key.name.startswith(prefix)), None)
        revision = None if kept is None else self._store.get(kept)
        return live_update.expanded_template(
            spec["template"]["spec"], None if revision is None else revision["data"]
        )

    def _keep_instancetype(self, vm: Json) -> None:
        """Keeps the named instancetype as a revision: in the spec up to v1.4, then in status."""
        behaviour = self._cluster.config.behaviour
        if not dig(vm, "spec", "instancetype"):
            return
        if instancetypes.revision_of(vm, behaviour) is not None:
            return
        found = self._types.named(vm)
        if found is None:
            return
        revision = self._types.keep_revision(vm, found)
        if not behaviour.instancetype_in_status:
            vm["spec"]["instancetype"]["revisionName"] = revision
            self._store.mutate(
                key_of(VMS, vm),
                lambda stored: stored["spec"]["instancetype"].update(revisionName=revision),
                manager=MANAGER,
            )
            return
        matcher = vm["spec"]["instancetype"]
        section(vm, "status")["instancetypeRef"] = {
            "controllerRevisionRef": {"name": revision},
            "kind": matcher.get("kind", "VirtualMachineClusterInstancetype"),
            "name": matcher["name"],
        }


def _observe_versions(vm: Json) -> None:
    section(vm, "metadata", "annotations").update(defaults.OBSERVED_VERSIONS)


def _add_finalizer(vm: Json) -> None:
    vm["metadata"].setdefault("finalizers", []).append(defaults.VM_FINALIZER)


def _seconds_until(moment: str | None, now: datetime) -> float:
    if moment is None:
        return 0.0
    return (datetime.fromisoformat(moment).astimezone(UTC) - now).total_seconds()
