"""VirtHandler: simulates virt-handler and libvirt, which start, migrate and hotplug VMs.

In the recorded clusters, a script simulated the hypervisor, so this module follows KubeVirt's
code. The API-visible changes and their order are as recorded.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.guest_profile import GuestProfile
from reconciler.simulator.kubevirt.node import guest_memory
from reconciler.simulator.kubevirt.object_fields import (
    HOT_CPU_CHANGE,
    HOT_MEMORY_CHANGE,
    READY,
    VMIS,
    Json,
    condition,
    dig,
    drop_condition,
    is_deleting,
    key_of,
    make_condition,
    name_of,
    section,
    set_condition,
    size,
)
from reconciler.simulator.kubevirt.rules import defaults, memory_overhead
from reconciler.simulator.kubevirt.vm_faults import Fault
from reconciler.simulator.work_queue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.inventory import Name
    from reconciler.simulator.store.history import StoreEvent

MANAGER: Final = "virt-handler"
LATENCY_S: Final = (0.01, 0.02)
STEP_S: Final = (0.3, 0.4)
"""The observed range, in seconds, of one step of the start or migration of a VM."""
TRANSFER_BASE_S: Final = 1.5
"""The duration of a memory transfer, in seconds, in addition to the time to copy the memory."""
POD_REQUEST_LABEL: Final = "kubevirt.io/vmi-pod-memory-resource-requests"
OVERHEAD_RATIO_LABEL: Final = "kubevirt.io/memory-hotplug-overhead-ratio"
MIGRATION_ERROR: Final = "Live migration failed: server closed connection"
ABORTED: Final = "Live migration has been aborted"


class VirtHandler:
    """Simulates virt-handler and libvirt on the nodes of all VMIs."""

    def __init__(self, cluster: Cluster, profiles: dict[Name, GuestProfile]) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._profiles = profiles
        self._started: set[tuple[str, str]] = set()
        """The (migration UID, step) pairs of started steps; each step starts only once."""
        self.queue: WorkQueue[Name] = WorkQueue(cluster.engine, self.sync, latency_s=LATENCY_S)

    def observe(self, event: StoreEvent) -> None:
        """Queues a VMI after a change."""
        if event.key.resource == VMIS and event.type != "DELETED":
            self.queue.add((event.key.namespace, event.key.name))

    def sync(self, name: Name) -> None:
        """Performs the next step of the start or migration of a VMI."""
        vmi = self._cluster.vmi(*name)
        if vmi is None or is_deleting(vmi):
            return
        phase = dig(vmi, "status", "phase")
        if phase == "Scheduled":
            self._start_step(vmi, vmi["metadata"]["uid"], "boot", STEP_S, self._boot)
        elif phase == "Running":
            self._migrate(vmi)

    def _start_step(
        self,
        vmi: Json,
        uid: str,
        step: str,
        delay_s: tuple[float, float],
        work: Callable[[Json], None],
    ) -> None:
        if (uid, step) in self._started:
            return
        self._started.add((uid, step))
        name, own = name_of(vmi), vmi["metadata"]["uid"]

        def run() -> None:
            current = self._cluster.vmi(*name)
            if (
                current is not None
                and current["metadata"]["uid"] == own
                and not is_deleting(current)
            ):
                work(current)

        self._cluster.engine.at(self._cluster.engine.between(*delay_s), run)

    def _save(self, vmi: Json) -> None:
        vmi["metadata"].pop("resourceVersion", None)
        self._store.update(key_of(VMIS, vmi), vmi, manager=MANAGER)

    # Starting

    def _boot(self, vmi: Json) -> None:
        now = self._cluster.now()
        section(vmi, "status")["phase"] = "Running"
        self._profiles.get(name_of(vmi), GuestProfile()).report(vmi, now)
        set_condition(vmi, make_condition(READY, "True", at=now, probed=True))
        self._save(vmi)

    # Migrating

    def _migrate(self, vmi: Json) -> None:
        state = dig(vmi, "status", "migrationState") or {}
        uid = state.get("migrationUid")
        if not uid or state.get("completed"):
            return
        if "targetNodeAddress" not in state:
            self._start_step(vmi, uid, "prepare", STEP_S, self._prepare)
        elif "startTimestamp" not in state:
            self._start_step(vmi, uid, "start", STEP_S, self._start)
        elif state.get("abortRequested"):
            self._start_step(vmi, uid, "abort", STEP_S, self._abort)
        else:
            transfer_s, outcome = self._transfer(vmi)
            self._start_step(vmi, uid, "transfer", (transfer_s, transfer_s), outcome)

    def _prepare(self, vmi: Json) -> None:
        state = section(vmi, "status", "migrationState")
        state["targetDirectMigrationNodePorts"] = {"49152": 49152}
        state["targetNodeAddress"] = "192.0.2.11"
        self._save(vmi)

    def _start(self, vmi: Json) -> None:
        section(vmi, "status", "migrationState")["startTimestamp"] = self._cluster.now()
        self._save(vmi)

    def _transfer(self, vmi: Json) -> tuple[float, Callable[[Json], None]]:
        """Returns the duration of a memory transfer in seconds, and the function that ends it.

        The settings are those that virt-controller wrote into the VMI's migration state, which
        include the settings of a MigrationPolicy.

        Source: v1.9.0 pkg/virt-launcher/virtwrap/live-migration-source.go:450,743-814.
        """
        faults = self._cluster.faults.of(*name_of(vmi))
        settings = vmi["status"]["migrationState"]["migrationConfiguration"]
        allowed = quantity.parse(settings["bandwidthPerMigration"])
        rate = min(self._cluster.bandwidth, allowed or self._cluster.bandwidth)
        current = size(vmi, "status", "memory", "guestCurrent") or 0
        wanted = size(vmi, "spec", "domain", "memory", "guest") or 0
        needed = faults.transfer_s
        if needed is None:
            needed = TRANSFER_BASE_S + current / rate
        limit = int(settings["completionTimeoutPerGiB"]) * math.ceil(max(wanted, 1) / 1e9)
        if settings.get("allowPostCopy"):
            return min(needed, limit + TRANSFER_BASE_S), self._arrive
        if settings.get("allowWorkloadDisruption"):
            limit *= 2
        if needed > limit:
            return float(limit), lambda v: self._fail(v, ABORTED, aborted=False)
        return needed, self._arrive

    def _arrive(self, vmi: Json) -> None:
        state = section(vmi, "status", "migrationState")
        if state.get("completed") or state.get("abortRequested"):
            return
        if self._cluster.faults.fires(*name_of(vmi), Fault.MIGRATION_FAILS):
            self._fail(vmi, MIGRATION_ERROR)
            return
        now, status = self._cluster.now(), section(vmi, "status")
        state.update(
            completed=True,
            endTimestamp=now,
            targetNodeDomainDetected=True,
            targetNodeDomainReadyTimestamp=now,
        )
        status["nodeName"] = state["targetNode"]
        section(vmi, "metadata", "labels")["kubevirt.io/nodeName"] = state["targetNode"]
        status.pop("launcherContainerImageVersion", None)
        self._plug_cpus(vmi)
        self._plug(vmi)
        self._save(vmi)
        self._settle_guest(vmi)

    def _abort(self, vmi: Json) -> None:
        self._fail(vmi, ABORTED, aborted=True)

    def _fail(self, vmi: Json, reason: str, *, aborted: bool = False) -> None:
        state = section(vmi, "status", "migrationState")
        if state.get("completed"):
            return
        state.update(
            completed=True, endTimestamp=self._cluster.now(), failed=True, failureReason=reason
        )
        if aborted:
            state["abortStatus"] = "Succeeded"
        self._save(vmi)

    # Plugging

    def _plug_cpus(self, vmi: Json) -> None:
        """Hotplugs CPUs into a guest before the memory hotplug, as KubeVirt does.

        Source: v1.9.0 pkg/virt-handler/migration-target.go (finalizeMigration).
        """
        if condition(vmi, HOT_CPU_CHANGE) is None:
            return
        drop_condition(vmi, HOT_CPU_CHANGE)
        cpu = dig(vmi, "spec", "domain", "cpu") or {}
        now = {part: cpu[part] for part in defaults.TOPOLOGY if cpu.get(part)}
        section(vmi, "status")["currentCPUTopology"] = now

    def plug_in_place(self, vmi: Json) -> None:
        """Hotplugs memory into a guest without a migration, after the launcher pod was resized.

        Source: inferred from the KubeVirt proposal VEP 45, section In-Place Resize Flow.
        """
        request = memory_overhead.pod_memory(vmi, self._cluster.config).total
        section(vmi, "metadata", "labels")[POD_REQUEST_LABEL] = quantity.binary(request)
        self._plug(vmi)
        self._save(vmi)
        self._settle_guest(vmi)

    def _plug(self, vmi: Json) -> None:
        """Hotplugs memory into a guest after a migration.

        If libvirt rejects the change, KubeVirt v1.1.0 and v1.2.0 only remove the HotMemoryChange
        condition. The simulator assumes that libvirt rejects a change to a VMI without maxGuest,
        because the VMI's domain has no maximum memory and no virtio-mem device.

        Source: v1.9.0 pkg/virt-handler/migration-target.go:1152-1208,1229-1231.
        """
        labels = section(vmi, "metadata", "labels")
        pod_request = labels.pop(POD_REQUEST_LABEL, None)
        labels.pop(OVERHEAD_RATIO_LABEL, None)
        if condition(vmi, HOT_MEMORY_CHANGE) is None:
            return
        wanted = size(vmi, "spec", "domain", "memory", "guest") or 0
        drop_condition(vmi, HOT_MEMORY_CHANGE)
        if (misfit := self._pod_misfit(vmi, wanted, pod_request)) is not None:
            self._cluster.recorder.warn(vmi, misfit, "failed to update guest memory", MANAGER)
            return
        refused = self._cluster.faults.fires(*name_of(vmi), Fault.PLUG_REFUSED)
        if refused or size(vmi, "spec", "domain", "memory", "maxGuest") is None:
            if self._cluster.config.behaviour.plug_failure_visible:
                set_condition(vmi, plug_refused(self._cluster.now()))
            return
        section(vmi, "status", "memory")["guestRequested"] = quantity.binary(wanted)

    def _pod_misfit(self, vmi: Json, wanted: int, pod_request: str | None) -> str | None:
        """Returns why the memory request of a launcher pod is too small for its VMI, or None.

        KubeVirt compares the pod's request with the overhead plus the VMI's requests, not with the
        guest's size. Therefore, the pod of a VMI without requests (usual from v1.7) is always
        large enough, even if a limit or overcommit makes it smaller than the guest. The pod of a
        VMI with overcommitGuestOverhead is always too small. The simulator assumes that older
        versions do the same, except for huge pages that the label does not include.

        Source: v1.9.0 pkg/virt-handler/migration-target.go:1163-1190.
        """
        if pod_request is None:
            return f"cannot parse Memory requests from VMI label: {quantity.PATTERN_MESSAGE}"
        requests = size(vmi, "spec", "domain", "resources", "requests", "memory") or 0
        memory = memory_overhead.pod_memory(vmi, self._cluster.config)
        needed = memory.overhead + requests
        if not self._cluster.config.behaviour.label_has_hugepages:
            needed -= memory.hugepages
        if quantity.parse(pod_request) >= needed:
            return None
        asked = f"amount of requested guest memory ({quantity.binary(wanted)})"
        return f"{asked} exceeds the launcher memory request ({pod_request})"

    def _settle_guest(self, vmi: Json) -> None:
        requested = size(vmi, "status", "memory", "guestRequested")
        current = size(vmi, "status", "memory", "guestCurrent")
        if requested is None or current is None or requested == current:
            return
        uid = dig(vmi, "status", "migrationState", "migrationUid") or vmi["metadata"]["uid"]
        self._start_step(vmi, uid, f"guest/{requested}", guest_memory.ACCEPT_S, self._accept)

    def _accept(self, vmi: Json) -> None:
        memory = section(vmi, "status", "memory")
        settled = guest_memory.size_after(
            vmi,
            self._cluster.faults.of(*name_of(vmi)),
            requested=quantity.parse(memory["guestRequested"]),
            current=quantity.parse(memory["guestCurrent"]),
        )
        memory["guestCurrent"] = quantity.binary(settled)
        self._save(vmi)


def plug_refused(now: str) -> Json:
    """Builds the HotMemoryChange condition for a VMI whose hotplug libvirt has rejected."""
    reason, message = (
        "Memory Hotplug Failed",
        "memory hotplug failed, the VM configuration is not supported",
    )
    return make_condition(
        HOT_MEMORY_CHANGE, "False", at=now, probed=True, reason=reason, message=message
    )
