"""One snapshot of the cluster, holding only what the rules read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .diagnostic import Diagnostic
from .fields import Settings
from .quantity import MemoryQuantity
from .refs import FieldPath, ObjectRef, Uid


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
    instancetype: str | None = None
    running_wanted: bool = True
    """From ``runStrategy`` or ``running``: false for Halted."""
    constraints: Constraints = field(default_factory=Constraints)
    conditions: Conditions = field(default_factory=dict)
    printable_status: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    suspended: bool = False
    guest_manager: str = ""
    """Field manager of the guest size, from managedFields."""
    guest_changed_at: datetime | None = None
    """When that manager last wrote the VM; not before the guest size was last changed."""
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
    created_at: datetime | None = None
    migration_started_at: datetime | None = None
    migration_ended_at: datetime | None = None
    migration_uid: str = ""
    kernel: str = ""
    """``status.guestOSInfo.kernelRelease``; empty without a guest agent."""
    guest_os: str = ""
    """``status.guestOSInfo.id``."""
    deleting: bool = False

    @property
    def final(self) -> bool:
        """Whether the instance has ended, so that the VM counts as not running."""
        return self.phase in ("Succeeded", "Failed")


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
    diagnostics: tuple[Diagnostic, ...] = ()
    """What could not be read: objects that are left out, nodes, the cluster's identity."""
