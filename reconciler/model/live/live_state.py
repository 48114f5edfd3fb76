"""One snapshot of the cluster, holding only what the rules read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.model.diagnostic import Diagnostic
from reconciler.model.fields import Settings
from reconciler.model.live.capacity import Capacity
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import FieldPath, ObjectRef, Uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition of an object; at most one a type."""

    status: str
    """``True``, ``False`` or ``Unknown``."""
    reason: str = ""
    message: str = ""
    since: datetime | None = None


Conditions = Mapping[str, Condition]


def is_true(conditions: Conditions, name: str) -> bool:
    """Whether the condition *name* is there and True."""
    found = conditions.get(name)
    return found is not None and found.status == "True"


def is_false(conditions: Conditions, name: str) -> bool:
    """Whether the condition *name* is there and False."""
    found = conditions.get(name)
    return found is not None and found.status == "False"


HOT_MEMORY_CHANGE = "HotMemoryChange"
"""Condition of an instance: True while its memory changes, False where the plug was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKubeVirt:
    """The KubeVirt CR: its managed fields, and whether the components follow it."""

    ref: ObjectRef
    uid: Uid
    generation: int
    observed_generation: int | None
    phase: str
    version: str
    """``status.observedKubeVirtVersion``, such as ``v1.9.0``; empty before the first roll-out."""
    target_version: str
    deployment_id: str
    target_deployment_id: str
    settings: Settings
    containers: frozenset[FieldPath]
    """The parents of managed fields that exist, so that a patch adds only what is missing."""
    spellings: Mapping[FieldPath, object] = field(default_factory=dict, compare=False)
    """Each managed value as the server spells it, for a JSON Patch ``test``."""
    disabled_gates: frozenset[str] = frozenset()
    managers: Mapping[FieldPath, str] = field(default_factory=dict)
    """Field manager of each managed field that has one, from managedFields."""
    owners: tuple[str, ...] = ()
    """``Kind/name`` of each ownerReference."""
    live_update_changed_at: datetime | None = None
    """When the rollout strategy or a feature gate was last written, from managedFields."""
    outdated_workloads: int = 0
    """``status.outdatedVirtualMachineInstanceWorkloads``: running VMs that need a migration."""
    memory_overcommit: int = 100
    """``developerConfiguration.memoryOvercommit``, percent."""
    overhead_ratio: float = 1.0
    """``additionalGuestMemoryOverheadRatio``."""
    eviction_strategy: str = ""
    """``configuration.evictionStrategy``, of VMs that name none; empty where it is not set."""
    deleting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What in a template or a VMI spec bears on memory hotplug."""

    architecture: str = ""
    realtime: bool = False
    numa_passthrough: bool = False
    launch_security: bool = False
    dedicated_cpus: bool = False
    hugepages: str | None = None
    """Page size, for example ``1Gi``."""
    requests: MemoryQuantity | None = None
    limits: MemoryQuantity | None = None
    overhead_left_out: bool = False
    """``resources.overcommitGuestOverhead``: the pod does not ask for what the launcher needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVM:
    """A VirtualMachine."""

    ref: ObjectRef
    uid: Uid
    generation: int
    guest: MemoryQuantity | None
    max_guest: MemoryQuantity | None
    memory_present: bool = True
    """Whether ``domain.memory`` exists, so that a guest size can be added under it."""
    live_update_memory: bool = False
    """Whether ``spec.liveUpdateFeatures.memory`` is there, the switch that only v1.1 has."""
    instancetype: str | None = None
    instancetype_kind: str = ""
    """``spec.instancetype.kind``."""
    revision_name: str = ""
    """``spec.instancetype.revisionName``."""
    revision: str = ""
    """Name of the ControllerRevision that keeps the instancetype for the VM, from spec or status;
    empty until KubeVirt has made one for the instancetype that the VM names."""
    running_wanted: bool = True
    """From ``runStrategy`` or ``running``: false for Halted."""
    constraints: Constraints = field(default_factory=Constraints)
    conditions: Conditions = field(default_factory=dict)
    printable_status: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    suspended: bool = False
    cpu: tuple[int | None, int | None, int | None] = (None, None, None)
    """Sockets, cores and threads of the template; None where it does not name them."""
    guest_manager: str = ""
    """Field manager of the guest size, or of the instancetype's name, from managedFields."""
    guest_changed_at: datetime | None = None
    """When that manager last wrote the VM; not before the guest size was last changed."""
    restart_asked: bool = False
    """Whether ``status.stateChangeRequests`` holds a stop or start that is not done yet."""
    annotated: bool = True
    """Whether ``metadata.annotations`` is there, so that one can be added to it."""
    resource_version: str = field(default="", compare=False, metadata={"kept": False})
    """Guards a patch that has to add ``metadata.annotations``; nothing else. It changes with every
    heartbeat of a status, so it is no part of what a snapshot keeps."""
    deleting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVMI:
    """A VirtualMachineInstance: the VM as it runs now."""

    ref: ObjectRef
    """The reference of the VM of the same name, under which the instance is looked up."""
    uid: Uid
    phase: str
    """Pending, Scheduling, Scheduled, Running, Succeeded, Failed or Unknown."""
    node: str = ""
    guest: MemoryQuantity | None = None
    max_guest: MemoryQuantity | None = None
    """Frozen when the instance was created; absent means that memory cannot be plugged."""
    guest_at_boot: MemoryQuantity | None = None
    guest_requested: MemoryQuantity | None = None
    guest_current: MemoryQuantity | None = None
    conditions: Conditions = field(default_factory=dict)
    constraints: Constraints = field(default_factory=Constraints)
    vcpus: int = 1
    max_sockets: int | None = None
    """``domain.cpu.maxSockets``: how far sockets can be added, fixed at boot."""
    cpu: tuple[int | None, int | None, int | None] = (None, None, None)
    """Sockets, cores and threads; None where the instance does not name them."""
    eviction_strategy: str = ""
    """``spec.evictionStrategy``; empty where the CR's holds."""
    created_at: datetime | None = None
    migration_started_at: datetime | None = None
    migration_ended_at: datetime | None = None
    migration_uid: str = ""
    kernel: str = ""
    """``status.guestOSInfo.kernelRelease``; empty without a guest agent."""
    guest_os: str = ""
    """``status.guestOSInfo.id``."""
    backup: str = ""
    """Name of a backup that runs; empty for none, and before v1.8."""
    graphics: bool = True
    """Whether a graphics device is attached, as it is by default."""
    memory_overhead: MemoryQuantity | None = None
    """``status.memory.memoryOverhead``, what the launcher needs beside the guest; from v1.9 on."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """``spec.nodeSelector``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    deleting: bool = False

    @property
    def final(self) -> bool:
        """Whether the instance has ended, so that the VM counts as not running."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def memory_changes(self) -> bool:
        """Whether KubeVirt is carrying out a memory change."""
        return is_true(self.conditions, HOT_MEMORY_CHANGE)

    @property
    def plug_refused(self) -> bool:
        """Whether libvirt or QEMU refused the last memory change."""
        return is_false(self.conditions, HOT_MEMORY_CHANGE)


class MigrationPhase(StrEnum):
    """``status.phase`` of a VirtualMachineInstanceMigration.

    Source: kubevirt v1.9.0 staging/src/kubevirt.io/api/core/v1/types.go.
    """

    UNSET = ""
    PENDING = "Pending"
    SCHEDULING = "Scheduling"
    SCHEDULED = "Scheduled"
    PREPARING_TARGET = "PreparingTarget"
    TARGET_READY = "TargetReady"
    WAITING_FOR_SYNC = "WaitingForSync"
    SYNCHRONIZING = "Synchronizing"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def finished(self) -> bool:
        """Whether no further phase follows."""
        return self in (MigrationPhase.SUCCEEDED, MigrationPhase.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveMigration:
    """A VirtualMachineInstanceMigration, observed."""

    ref: ObjectRef
    uid: Uid
    vmi_name: str
    phase: MigrationPhase
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failure_reason: str = ""
    source_node: str = ""
    target_node: str = ""
    for_update: bool = False
    """Made by KubeVirt's workload updater, which is how a memory change migrates."""
    conditions: Conditions = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveNode:
    """A node, as a possible target of a migration."""

    name: str
    schedulable: bool
    """Not cordoned, and labelled ``kubevirt.io/schedulable=true``."""
    allocatable: MemoryQuantity | None = None
    hugepages: Mapping[str, MemoryQuantity] = field(default_factory=dict)
    """Allocatable huge pages by page size, such as ``2Mi``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Without those of ``room.UNREAD_LABELS``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveInstancetype:
    """A VirtualMachineInstancetype or VirtualMachineClusterInstancetype, as it is now."""

    ref: ObjectRef
    uid: Uid
    generation: int
    guest: MemoryQuantity
    max_guest: MemoryQuantity | None = None
    overcommit_percent: int = 0
    cpus: int = 0
    """``cpu.guest``; 0 where it is not given."""
    constraints: Constraints = field(default_factory=Constraints)
    others: Mapping[str, str] = field(default_factory=dict)
    """Every other field of the spec by its path in dots, as JSON; annotations are left out."""

    def kept_by(self, revision: str) -> bool:
        """Whether the ControllerRevision *revision* was made of the type as it is now.

        Source: recorded v1.3.1, v1.6.3, v1.9.0 instancetype-change: its name ends in the uid and
        generation of the type.
        """
        return revision.endswith(f"-{self.uid}-{self.generation}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveMigrationPolicy:
    """A MigrationPolicy that selects something; of its settings only what times depend on."""

    name: str
    bandwidth: MemoryQuantity | None = None
    """``spec.bandwidthPerMigration``, bytes a second; None leaves the CR's."""
    completion_timeout_per_gib: int | None = None
    """``spec.completionTimeoutPerGiB``, seconds; None leaves the CR's."""
    allow_post_copy: bool | None = None
    """``spec.allowPostCopy``; None leaves the CR's."""
    allow_workload_disruption: bool | None = None
    """``spec.allowWorkloadDisruption``; None leaves it to ``allow_post_copy``, else to the CR."""
    vmi_labels: Mapping[str, str] = field(default_factory=dict)
    """``spec.selectors.virtualMachineInstanceSelector``."""
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    """``spec.selectors.namespaceSelector``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """The cluster as it was read; not a transaction: each kind has its own moment."""

    cluster_id: str
    """The uid of the namespace kube-system."""
    observed_at: datetime
    kubevirt: LiveKubeVirt
    vms: Mapping[ObjectRef, LiveVM]
    vmis: Mapping[ObjectRef, LiveVMI]
    migrations: Mapping[ObjectRef, tuple[LiveMigration, ...]]
    """By the reference of the VM, oldest first."""
    nodes: tuple[LiveNode, ...] = ()
    """Empty also where nodes may not be listed, which a diagnostic then says."""
    instancetypes: Mapping[ObjectRef, LiveInstancetype] = field(default_factory=dict)
    """Listed only where a VM has an instancetype."""
    instancetype_kinds: frozenset[str] = frozenset()
    """The kinds of instancetype that were listed; of others nothing is known."""
    migration_policies: tuple[LiveMigrationPolicy, ...] = ()
    """Empty also where there is no such kind, or where they may not be listed."""
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By namespace; listed only where a migration policy selects by them."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """What could not be read: objects that are left out, nodes, the cluster's identity."""
    capacity: Capacity | None = None
    """Pods and quotas; None where nothing has needed them yet."""
