"""``LiveState``: a snapshot of the cluster, with the fields that planning rules read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.model.diagnostic import Diagnostic
from reconciler.model.fields import Settings
from reconciler.model.live.capacity import Capacity
from reconciler.model.live.conditions import HOT_MEMORY_CHANGE, Conditions, is_false, is_true
from reconciler.model.live.live_migration import LiveMigration, LiveMigrationPolicy
from reconciler.model.live.live_owner import LiveOwner
from reconciler.model.live.placement import ANYWHERE, Placement, Taint
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import FieldPath, ObjectRef, Uid


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKubeVirt:
    """The KubeVirt CR in the cluster: its managed fields and its status."""

    ref: ObjectRef
    uid: Uid
    generation: int
    observed_generation: int | None
    phase: str
    version: str
    """``status.observedKubeVirtVersion``, such as ``v1.9.0``; empty until KubeVirt is deployed."""
    target_version: str
    deployment_id: str
    target_deployment_id: str
    settings: Settings
    containers: frozenset[FieldPath]
    """The paths of existing parent objects of managed fields; a patch must add missing parents."""
    spellings: Mapping[FieldPath, object] = field(default_factory=dict, compare=False)
    """Each managed value in the API server's notation, for a JSON Patch ``test`` operation."""
    disabled_gates: frozenset[str] = frozenset()
    managers: Mapping[FieldPath, str] = field(default_factory=dict)
    """The field manager of each managed field, from ``metadata.managedFields``."""
    owners: tuple[str, ...] = ()
    """The owner references of the KubeVirt CR, each as ``Kind/name``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The labels that show which tool installed the CR; other labels are not read."""
    tracked_by: str = ""
    """The tool that applies the KubeVirt CR's manifest, according to labels and annotations."""
    live_update_changed_at: datetime | None = None
    """When the rollout strategy or a feature gate was last written, according to managedFields."""
    outdated_workloads: int = 0
    """``status.outdatedVirtualMachineInstanceWorkloads``: how many VMs need a migration."""
    memory_overcommit: int = 100
    """The memory overcommit in percent (``developerConfiguration.memoryOvercommit``)."""
    overhead_ratio: float = 1.0
    """The factor for all memory overheads, from ``additionalGuestMemoryOverheadRatio``."""
    eviction_strategy: str = ""
    """``configuration.evictionStrategy``, the default for VMs; empty if it is not set."""
    deleting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """The fields of a VM template or VMI spec that affect memory hotplug."""

    architecture: str = ""
    realtime: bool = False
    numa_passthrough: bool = False
    launch_security: bool = False
    dedicated_cpus: bool = False
    hugepages: str | None = None
    """The huge page size, for example ``1Gi``."""
    requests: MemoryQuantity | None = None
    limits: MemoryQuantity | None = None
    cpu_limited: bool = False
    """Whether ``resources.limits.cpu`` is set and not zero."""
    overhead_left_out: bool = False
    """``resources.overcommitGuestOverhead``: whether the pod's request omits the overhead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVM:
    """A VirtualMachine in the cluster."""

    ref: ObjectRef
    uid: Uid
    generation: int
    guest: MemoryQuantity | None
    max_guest: MemoryQuantity | None
    memory_present: bool = True
    """Whether ``domain.memory`` exists in the VM; if not, a patch must also create it."""
    live_update_memory: bool = False
    """Whether ``spec.liveUpdateFeatures.memory`` exists; only KubeVirt v1.1 has this field."""
    instancetype: str | None = None
    instancetype_kind: str = ""
    """The kind of the VM's instancetype, from ``spec.instancetype.kind``."""
    preference: str = ""
    """The name of the VM's preference, which can change the CPU topology of an instancetype."""
    revision_name: str = ""
    """The ControllerRevision that the VM pins with ``spec.instancetype.revisionName``."""
    revision: str = ""
    """The name of the ControllerRevision that contains the VM's copy of its instancetype.

    The name comes from the VM's spec or status, and is empty until KubeVirt has created the
    ControllerRevision.
    """
    running_wanted: bool = True
    """Whether ``runStrategy`` or ``running`` requests a running VM; false for ``Halted``."""
    constraints: Constraints = field(default_factory=Constraints)
    conditions: Conditions = field(default_factory=dict)
    printable_status: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    suspended: bool = False
    cpu: tuple[int | None, int | None, int | None] = (None, None, None)
    """CPU sockets, cores and threads in the VM's template; None for a value that is not set."""
    guest_manager: str = ""
    """The field manager of the guest size or of the instancetype's name, from managedFields."""
    guest_changed_at: datetime | None = None
    """When the field manager of the guest size last changed any field of the VM."""
    pool: str = ""
    """The name of the VirtualMachinePool that owns the VM, or an empty string."""
    controller: str = ""
    """The VM's controller as ``Kind/name``; empty if the VM has none, or if a pool controls it."""
    tracked_by: str = ""
    """The tool that applies the VM's manifest, from labels and annotations, such as ``Flux``."""
    harvester_hotplug: bool = False
    """Whether Harvester's annotation enables CPU and memory hotplug for the VM."""
    harvester_reserved: MemoryQuantity | None = None
    """The part of the VM's memory limit that Harvester reserves for QEMU, from an annotation."""
    restart_asked: bool = False
    """Whether ``status.stateChangeRequests`` contains a pending stop or start."""
    annotated: bool = True
    """Whether ``metadata.annotations`` exists; if not, a patch must also create this map."""
    resource_version: str = field(default="", compare=False, metadata={"kept": False})
    """The resourceVersion, which a patch tests only if it adds ``metadata.annotations``.
    Snapshot files omit the resourceVersion, because every status update changes it.
    """
    deleting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVMI:
    """A VirtualMachineInstance: the running instance of a VM."""

    ref: ObjectRef
    """The reference to the VM that owns the VM instance."""
    uid: Uid
    phase: str
    """The VMI phase: Pending, Scheduling, Scheduled, Running, Succeeded, Failed or Unknown."""
    node: str = ""
    guest: MemoryQuantity | None = None
    max_guest: MemoryQuantity | None = None
    """``maxGuest``, fixed when the VM instance was created; hotplug requires this field."""
    guest_at_boot: MemoryQuantity | None = None
    guest_requested: MemoryQuantity | None = None
    guest_current: MemoryQuantity | None = None
    conditions: Conditions = field(default_factory=dict)
    constraints: Constraints = field(default_factory=Constraints)
    vcpus: int = 1
    max_sockets: int | None = None
    """``domain.cpu.maxSockets``, fixed at boot: the largest number of sockets after a hotplug."""
    cpu: tuple[int | None, int | None, int | None] = (None, None, None)
    """CPU sockets, cores and threads; None for a value that is not set."""
    eviction_strategy: str = ""
    """``spec.evictionStrategy``; empty if the KubeVirt CR's value applies."""
    created_at: datetime | None = None
    migration_started_at: datetime | None = None
    migration_ended_at: datetime | None = None
    migration_uid: str = ""
    kernel: str = ""
    """``status.guestOSInfo.kernelRelease``; empty if no guest agent is running."""
    guest_os: str = ""
    """The guest operating system (``status.guestOSInfo.id``); empty without a guest agent."""
    backup: str = ""
    """The name of the running VM backup; empty if none is running, and before KubeVirt v1.8."""
    graphics: bool = True
    """Whether the VM has a graphics device; the default is true."""
    memory_overhead: MemoryQuantity | None = None
    """``status.memory.memoryOverhead``: the launcher's own memory; set since KubeVirt v1.9."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """The VM instance's node selector, from ``spec.nodeSelector``."""
    placement: Placement = ANYWHERE
    """The VM instance's affinity, tolerations and topology spread constraints."""
    labels: Mapping[str, str] = field(default_factory=dict)
    deleting: bool = False

    @property
    def final(self) -> bool:
        """Whether the phase is Succeeded or Failed; if so, the VM counts as not running."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def memory_changes(self) -> bool:
        """Whether KubeVirt is changing the memory of the VM instance."""
        return is_true(self.conditions, HOT_MEMORY_CHANGE)

    @property
    def plug_refused(self) -> bool:
        """Whether libvirt or QEMU rejected the last memory change."""
        return is_false(self.conditions, HOT_MEMORY_CHANGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveNode:
    """A node in the cluster, which can be the target of a migration."""

    name: str
    schedulable: bool
    """Whether the node is ready and not cordoned, and has ``kubevirt.io/schedulable=true``."""
    problem: str = ""
    """Why the node is not schedulable, such as ``is cordoned``; empty if it is schedulable."""
    taints: tuple[Taint, ...] = ()
    allocatable: MemoryQuantity | None = None
    hugepages: Mapping[str, MemoryQuantity] = field(default_factory=dict)
    """Allocatable huge pages by page size, such as ``2Mi``."""
    others: Mapping[str, int] = field(default_factory=dict)
    """Other allocatable resources: ``cpu`` in millicores, ``pods`` and devices by name."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The node's labels, except those with a prefix in ``placement.UNREAD_LABELS``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveInstancetype:
    """A VirtualMachineInstancetype or VirtualMachineClusterInstancetype in the cluster."""

    ref: ObjectRef
    uid: Uid
    generation: int
    guest: MemoryQuantity
    max_guest: MemoryQuantity | None = None
    overcommit_percent: int = 0
    cpus: int = 0
    """The instancetype's number of CPUs (``cpu.guest``); 0 if it is not set."""
    constraints: Constraints = field(default_factory=Constraints)
    others: Mapping[str, str] = field(default_factory=dict)
    """All other spec fields except annotations, as JSON strings by dotted path."""

    def kept_by(self, revision: str) -> bool:
        """Return whether a ControllerRevision contains the current generation of the instancetype.

        Source: observed on KubeVirt v1.3.1, v1.6.3 and v1.9.0 (scenario instancetype-change): the
        name of the ControllerRevision ends in the instancetype's uid and generation.
        """
        return revision.endswith(f"-{self.uid}-{self.generation}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """A snapshot of the cluster; each kind of object is read at a slightly different time."""

    cluster_id: str
    """The uid of the namespace kube-system, which identifies the cluster."""
    observed_at: datetime
    kubevirt: LiveKubeVirt
    vms: Mapping[ObjectRef, LiveVM]
    vmis: Mapping[ObjectRef, LiveVMI]
    migrations: Mapping[ObjectRef, tuple[LiveMigration, ...]]
    """The migrations of each VM, by the VM's reference, oldest first."""
    nodes: tuple[LiveNode, ...] = ()
    """The nodes; empty, with a diagnostic, if the permission to list nodes is missing."""
    instancetypes: Mapping[ObjectRef, LiveInstancetype] = field(default_factory=dict)
    """The instancetypes by reference; empty if no VM has an instancetype."""
    instancetype_kinds: frozenset[str] = frozenset()
    """The kinds of instancetypes that could be listed."""
    migration_policies: tuple[LiveMigrationPolicy, ...] = ()
    """The migration policies; empty if the cluster has none or denies listing them."""
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Each namespace's labels; read only if a migration policy selects namespaces by label."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Diagnostics about objects, nodes or the cluster's uid that could not be read."""
    owners: tuple[LiveOwner, ...] = ()
    """The objects from which operators generate the KubeVirt CR, ordered by reference."""
    api_groups: frozenset[str] = frozenset()
    """The served API groups that identify a platform, such as ``hco.kubevirt.io``."""
    capacity: Capacity | None = None
    """The memory that pods use and the quota limits; None if they have not been read yet."""
