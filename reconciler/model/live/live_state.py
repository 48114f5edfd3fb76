"""A snapshot of the cluster: ``LiveState``, with the fields that the rules read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model.diagnostic import Diagnostic
from reconciler.model.fields import Settings
from reconciler.model.live.capacity import Capacity
from reconciler.model.live.conditions import HOT_MEMORY_CHANGE, Conditions, is_false, is_true
from reconciler.model.live.live_migration import LiveMigration, LiveMigrationPolicy
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import FieldPath, ObjectRef, Uid


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKubeVirt:
    """The KubeVirt CR: its managed fields, and whether the components have applied it."""

    ref: ObjectRef
    uid: Uid
    generation: int
    observed_generation: int | None
    phase: str
    version: str
    """``status.observedKubeVirtVersion``, such as ``v1.9.0``; empty before it is deployed."""
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
    """The field manager of each managed field, from managedFields."""
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
    """``configuration.evictionStrategy``, for VMs without one; empty if it is not set."""
    deleting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """The fields of a template or a VMI spec that affect memory hotplug."""

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
    """``resources.overcommitGuestOverhead``: the pod does not request the launcher's overhead."""


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
    """Whether ``spec.liveUpdateFeatures.memory`` exists, a switch of v1.1 alone."""
    instancetype: str | None = None
    instancetype_kind: str = ""
    """``spec.instancetype.kind``."""
    revision_name: str = ""
    """``spec.instancetype.revisionName``."""
    revision: str = ""
    """Name of the ControllerRevision that holds the VM's copy of its instancetype, from spec or
    status; empty until KubeVirt has created one for the instancetype that the VM names."""
    running_wanted: bool = True
    """Whether the VM is meant to run, from ``runStrategy`` or ``running``; false for Halted."""
    constraints: Constraints = field(default_factory=Constraints)
    conditions: Conditions = field(default_factory=dict)
    printable_status: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    suspended: bool = False
    cpu: tuple[int | None, int | None, int | None] = (None, None, None)
    """Sockets, cores and threads of the template; None where it sets none."""
    guest_manager: str = ""
    """Field manager of the guest size, or of the instancetype's name, from managedFields."""
    guest_changed_at: datetime | None = None
    """When that manager last wrote the VM, which is never before the last change of the size."""
    restart_asked: bool = False
    """Whether ``status.stateChangeRequests`` holds a pending stop or start."""
    annotated: bool = True
    """Whether ``metadata.annotations`` exists, so that an annotation can be added to it."""
    resource_version: str = field(default="", compare=False, metadata={"kept": False})
    """Guards only a patch that adds ``metadata.annotations``. Snapshots leave it out, since every
    update of a status changes it."""
    deleting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVMI:
    """A VirtualMachineInstance: the VM as it runs now."""

    ref: ObjectRef
    """The reference of its VM, by which the instance is looked up."""
    uid: Uid
    phase: str
    """Pending, Scheduling, Scheduled, Running, Succeeded, Failed or Unknown."""
    node: str = ""
    guest: MemoryQuantity | None = None
    max_guest: MemoryQuantity | None = None
    """Fixed when the instance was created; without it, memory cannot be plugged."""
    guest_at_boot: MemoryQuantity | None = None
    guest_requested: MemoryQuantity | None = None
    guest_current: MemoryQuantity | None = None
    conditions: Conditions = field(default_factory=dict)
    constraints: Constraints = field(default_factory=Constraints)
    vcpus: int = 1
    max_sockets: int | None = None
    """``domain.cpu.maxSockets``: the most sockets that can be plugged, fixed at boot."""
    cpu: tuple[int | None, int | None, int | None] = (None, None, None)
    """Sockets, cores and threads; None where the instance sets none."""
    eviction_strategy: str = ""
    """``spec.evictionStrategy``; empty if the CR's applies."""
    created_at: datetime | None = None
    migration_started_at: datetime | None = None
    migration_ended_at: datetime | None = None
    migration_uid: str = ""
    kernel: str = ""
    """``status.guestOSInfo.kernelRelease``; empty without a guest agent."""
    guest_os: str = ""
    """``status.guestOSInfo.id``."""
    backup: str = ""
    """Name of a running backup; empty without one, and before v1.8."""
    graphics: bool = True
    """Whether a graphics device is attached, as it is by default."""
    memory_overhead: MemoryQuantity | None = None
    """``status.memory.memoryOverhead``, the launcher's need beside the guest; from v1.9 on."""
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
    """Without those of ``capacity.UNREAD_LABELS``."""


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
    """``cpu.guest``; 0 if it is not set."""
    constraints: Constraints = field(default_factory=Constraints)
    others: Mapping[str, str] = field(default_factory=dict)
    """Every other field of the spec by its dotted path, as JSON, without annotations."""

    def kept_by(self, revision: str) -> bool:
        """Return whether the ControllerRevision *revision* holds the type as it is now.

        Source: recorded v1.3.1, v1.6.3, v1.9.0 instancetype-change: its name ends in the uid and
        generation of the type.
        """
        return revision.endswith(f"-{self.uid}-{self.generation}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """The cluster as it was read; each kind was read at its own moment."""

    cluster_id: str
    """The uid of the namespace kube-system."""
    observed_at: datetime
    kubevirt: LiveKubeVirt
    vms: Mapping[ObjectRef, LiveVM]
    vmis: Mapping[ObjectRef, LiveVMI]
    migrations: Mapping[ObjectRef, tuple[LiveMigration, ...]]
    """By the reference of the VM, oldest first."""
    nodes: tuple[LiveNode, ...] = ()
    """Also empty without permission to list nodes, which a diagnostic then reports."""
    instancetypes: Mapping[ObjectRef, LiveInstancetype] = field(default_factory=dict)
    """Listed only if a VM has an instancetype."""
    instancetype_kinds: frozenset[str] = frozenset()
    """The kinds of instancetype that were listed; the others are unknown."""
    migration_policies: tuple[LiveMigrationPolicy, ...] = ()
    """Also empty if the cluster lacks the kind, or without permission to list it."""
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By namespace; listed only if a migration policy selects by them."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """What could not be read: single objects, nodes, the cluster's identity."""
    capacity: Capacity | None = None
    """What pods and quotas leave; None until a change needs it."""
