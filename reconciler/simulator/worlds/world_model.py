"""World: the initial state of a simulated cluster, and the events that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from reconciler.simulator.apiserver.request.api_faults import Fault
from reconciler.simulator.kubevirt import guest_profile
from reconciler.simulator.kubevirt.quantity import GI
from reconciler.simulator.kubevirt.vm_faults import VMFaults

DEFAULT_VERSION: Final = "v1.9.0"
DEFAULT_NODES: Final = 3
DEFAULT_NODE_MEMORY: Final = 256 * GI
DEFAULT_CPU_VENDOR: Final = "Intel"
DEFAULT_BANDWIDTH: Final = 2 * GI
DEFAULT_GUEST: Final = GI


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """A node that can run VMs. Sizes are in bytes."""

    name: str
    memory: int = DEFAULT_NODE_MEMORY
    """Allocatable memory."""
    hugepages: Mapping[str, int] = field(default_factory=dict)
    """Allocatable bytes of huge pages by page size: 2Mi, 1Gi."""
    schedulable: bool = True
    cpu_vendor: str = DEFAULT_CPU_VENDOR
    """The CPU vendor as in the node's label: Intel, AMD."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSpec:
    """A backup that runs when the world starts."""

    name: str
    ends_s: float | None = None
    """The simulated seconds after which it ends; None: it never ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VMSpec:
    """A VM in its initial state. Sizes are in bytes."""

    path: str
    """Its path in the world file: `vms[3]`."""
    name: str
    namespace: str
    guest: int | None = None
    """The size in the VM's spec; None: an instancetype or `spec` has it."""
    max_guest: int | None = None
    booted_with: int | None = None
    """The size at the VM's start, if it differs from `guest`."""
    hotplugged: bool = False
    """Whether the change from `booted_with` to `guest` is plugged already."""
    booted_under: str = ""
    """The rollout strategy at the VM's start; empty: the CR's."""
    guest_current: int | None = None
    """The guest's current size, if it differs from the requested one."""
    last_plug_refused: bool = False
    """Whether libvirt refused the last plug: HotMemoryChange is False."""
    running: bool = True
    node: str = ""
    launcher: str = ""
    """KubeVirt's version at the VM's start; empty: the current one."""
    architecture: str = "amd64"
    eviction_strategy: str = ""
    """The eviction strategy; empty: the CR's."""
    live_update_features: Mapping[str, Any] | None = None
    """spec.liveUpdateFeatures, for KubeVirt v1.1."""
    instancetype: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    vmi_labels: Mapping[str, str] = field(default_factory=dict)
    """The labels of its template and VMI, by which MigrationPolicies select."""
    backup: BackupSpec | None = None
    domain: Mapping[str, Any] = field(default_factory=dict)
    """Merged over the VM's domain: cpu, resources, hugepages, launchSecurity, …"""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """A complete VirtualMachine spec, instead of one built from the fields above."""
    manager: str = "kubectl-create"
    """The field manager that wrote the VM."""
    profile: guest_profile.GuestProfile = field(default_factory=guest_profile.GuestProfile)
    faults: VMFaults = field(default_factory=VMFaults)

    @property
    def key(self) -> tuple[str, str]:
        """The namespace and name."""
        return self.namespace, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancetypeSpec:
    """An instancetype; a cluster-wide one if it has no namespace."""

    name: str
    namespace: str
    guest: int
    cpu: int
    max_guest: int | None = None
    overcommit_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSpec:
    """A ResourceQuota."""

    path: str
    name: str
    namespace: str
    hard: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSpec:
    """A migration that exists when the world starts."""

    path: str
    name: str
    namespace: str
    vmi: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """An event that happens `at_s` simulated seconds after the start.

    With a phase, the time counts from the moment at which a migration of the VM enters that phase.
    """

    at_s: float
    migrating: tuple[str, str] = ("", "")
    """The namespace and name of the VM whose migration it waits for."""
    phase: str = ""
    """The phase of that migration; empty: it waits for no migration."""
    request: Mapping[str, Any]
    """A request of an administrator: method, path, body, contentType."""
    faults: Mapping[tuple[str, str], VMFaults]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A world with its defaults filled in."""

    name: str = "world"
    starts_at: datetime | None = None
    """The time at the start, for the caller that creates the clock; None: any time."""
    version: str = DEFAULT_VERSION
    kubevirt_namespace: str = "kubevirt"
    kubevirt_names: tuple[str, ...] = ("kubevirt",)
    """The names of the KubeVirt CRs: one, or none or two to test clients."""
    kubevirt_spec: Mapping[str, Any] = field(default_factory=dict)
    kubevirt_owner: str = ""
    """HyperConverged: its operator reverts changes of the CR by others."""
    nodes: tuple[NodeSpec, ...] = ()
    namespaces: tuple[str, ...] = ()
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels by namespace, in addition to those of every namespace."""
    vms: tuple[VMSpec, ...] = ()
    instancetypes: tuple[InstancetypeSpec, ...] = ()
    quotas: tuple[QuotaSpec, ...] = ()
    migrations: tuple[MigrationSpec, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    objects: tuple[Mapping[str, Any], ...] = ()
    """Other objects as manifests."""
    bandwidth: int = DEFAULT_BANDWIDTH
    """The network bandwidth of one migration, in bytes per second."""
    rbac: str = "open"
    """open: every token may do everything. enforced: roles and bindings decide."""
    tokens: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The user and groups of each bearer token."""
    api_faults: tuple[Fault, ...] = ()
    seed: int = 0
