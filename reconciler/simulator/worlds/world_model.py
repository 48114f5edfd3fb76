"""World: a simulated cluster's initial state and later events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from reconciler.simulator.apiserver.request.api_faults import Fault
from reconciler.simulator.kubevirt import guest_profile
from reconciler.simulator.kubevirt.owners.owner_specs import (
    HarvesterSpec,
    HyperConvergedSpec,
    WriterSpec,
)
from reconciler.simulator.kubevirt.quantity import GI
from reconciler.simulator.kubevirt.vm_faults import VMFaults

DEFAULT_VERSION: Final = "v1.9.0"
DEFAULT_NODES: Final = 3
DEFAULT_NODE_MEMORY: Final = 256 * GI
DEFAULT_CPUS: Final = 64
DEFAULT_PODS: Final = 500
DEFAULT_CPU_VENDOR: Final = "Intel"
DEFAULT_BANDWIDTH: Final = 2 * GI
DEFAULT_GUEST: Final = GI


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """A node that can run VMs; sizes are in bytes."""

    name: str
    memory: int = DEFAULT_NODE_MEMORY
    """The node's allocatable memory in bytes."""
    hugepages: Mapping[str, int] = field(default_factory=dict)
    """The node's allocatable huge pages in bytes, by page size (2Mi, 1Gi)."""
    schedulable: bool = True
    cpu_vendor: str = DEFAULT_CPU_VENDOR
    """The node's CPU vendor, such as Intel or AMD, which a node label shows."""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    """The node's taints, each as `key=value:effect`."""
    cpus: int = DEFAULT_CPUS
    devices: Mapping[str, str] = field(default_factory=dict)
    """The node's devices, as amounts by resource name, such as `nvidia.com/gpu: 1`."""
    pods: int = DEFAULT_PODS
    cordoned: bool = False
    ready: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSpec:
    """A backup that is running when the simulation starts."""

    name: str
    ends_s: float | None = None
    """The simulated seconds until the backup ends; None if the backup never ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VMSpec:
    """A VM's initial state; sizes are in bytes."""

    path: str
    """The VM's location in the world file, such as `vms[3]`."""
    name: str
    namespace: str
    guest: int | None = None
    """The guest size in the VM's spec; None if an instancetype or `spec` sets the size."""
    max_guest: int | None = None
    booted_with: int | None = None
    """The guest size at the VM's start, if it differs from `guest`."""
    hotplugged: bool = False
    """Whether the change from `booted_with` to `guest` is already hotplugged."""
    booted_under: str = ""
    """The rollout strategy at the VM's start; empty for the CR's strategy."""
    guest_current: int | None = None
    """The guest's current size, if it differs from the requested size."""
    last_plug_refused: bool = False
    """Whether libvirt rejected the last hotplug, so that HotMemoryChange is False."""
    running: bool = True
    node: str = ""
    launcher: str = ""
    """The KubeVirt version at the VM's start; empty for the current version."""
    architecture: str = "amd64"
    eviction_strategy: str = ""
    """The VM's eviction strategy; empty for the CR's strategy."""
    live_update_features: Mapping[str, Any] | None = None
    """The VM's spec.liveUpdateFeatures, which only KubeVirt v1.1 has."""
    instancetype: str = ""
    pool: str = ""
    """The name of the VirtualMachinePool that owns the VM; empty without a pool."""
    controller: str = ""
    """The object that controls the VM, as Kind/name, such as KubevirtMachine/worker-0."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    vmi_labels: Mapping[str, str] = field(default_factory=dict)
    """The labels of the VM's template and VMI, by which MigrationPolicies select VMIs."""
    backup: BackupSpec | None = None
    domain: Mapping[str, Any] = field(default_factory=dict)
    """Fields that override the VM's domain, such as cpu, resources and launchSecurity."""
    placement: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the VM's template that select nodes, such as tolerations and affinity."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """A complete VirtualMachine spec, which replaces the spec built from other fields."""
    manager: str = "kubectl-create"
    """The field manager that wrote the VM."""
    profile: guest_profile.GuestProfile = field(default_factory=guest_profile.GuestProfile)
    faults: VMFaults = field(default_factory=VMFaults)

    @property
    def key(self) -> tuple[str, str]:
        """The VM's namespace and name."""
        return self.namespace, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancetypeSpec:
    """An instancetype, which is cluster-wide if it has no namespace."""

    name: str
    namespace: str
    guest: int
    cpu: int
    max_guest: int | None = None
    overcommit_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSpec:
    """A ResourceQuota in the simulated cluster."""

    path: str
    name: str
    namespace: str
    hard: Mapping[str, str]
    scope_selector: Mapping[str, Any] = field(default_factory=dict)
    """The quota's `scopeSelector`."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterQuotaSpec:
    """A quota of Application-Aware Quota for several namespaces together."""

    name: str
    hard: Mapping[str, str]
    selects: Mapping[str, str]
    """The labels of the quota's namespaces; without any, all namespaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSpec:
    """A migration that exists when the simulation starts."""

    path: str
    name: str
    namespace: str
    vmi: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """A fault or a request that occurs later in the simulation.

    Without `phase`, `at_s` is the simulated time of the event. With `phase`, the event happens
    `at_s` seconds after a migration of the VM enters that phase.
    """

    at_s: float
    migrating: tuple[str, str] = ("", "")
    """The namespace and name of the VM whose migration triggers the event."""
    phase: str = ""
    """The migration phase that triggers the event; empty for an event at a fixed time."""
    request: Mapping[str, Any]
    """A request of the administrator, with method, path, body and contentType."""
    faults: Mapping[tuple[str, str], VMFaults]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A simulated cluster's initial state, with defaults for unset fields."""

    name: str = "world"
    starts_at: datetime | None = None
    """The simulation's start date and time; None for the clock's default."""
    version: str = DEFAULT_VERSION
    kubevirt_namespace: str = "kubevirt"
    kubevirt_names: tuple[str, ...] = ("kubevirt",)
    """The names of the KubeVirt CRs; a real cluster has exactly one."""
    kubevirt_spec: Mapping[str, Any] = field(default_factory=dict)
    hyperconverged: HyperConvergedSpec | None = None
    """The HyperConverged that owns the KubeVirt CR; None if it does not own the CR."""
    harvester: HarvesterSpec | None = None
    """The Harvester that owns the KubeVirt CR; None outside Harvester."""
    writers: tuple[WriterSpec, ...] = ()
    """Other tools that write fields of an object back after each change."""
    nodes: tuple[NodeSpec, ...] = ()
    namespaces: tuple[str, ...] = ()
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Each namespace's labels, in addition to the default labels."""
    vms: tuple[VMSpec, ...] = ()
    instancetypes: tuple[InstancetypeSpec, ...] = ()
    quotas: tuple[QuotaSpec, ...] = ()
    limit_ranges: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """The `limits` of the LimitRange of each namespace."""
    aware_quotas: tuple[QuotaSpec, ...] = ()
    """The quotas of Application-Aware Quota; without any quota, it is not installed."""
    aware_cluster_quotas: tuple[ClusterQuotaSpec, ...] = ()
    """The quotas of Application-Aware Quota for several namespaces together."""
    aware_calculator: str = ""
    """How Application-Aware Quota counts VMs."""
    migrations: tuple[MigrationSpec, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    objects: tuple[Mapping[str, Any], ...] = ()
    """The manifests of other objects in the cluster."""
    bandwidth: int = DEFAULT_BANDWIDTH
    """The network bandwidth per migration, in bytes per second."""
    rbac: str = "open"
    """The authorization mode: `open` allows every request, `enforced` applies RBAC."""
    tokens: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Each bearer token's user and groups."""
    api_faults: tuple[Fault, ...] = ()
    seed: int = 0
