"""World: the initial state of a simulated cluster, and the events that happen later."""

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
    """A node of a simulated cluster that can run VMs, with sizes in bytes."""

    name: str
    memory: int = DEFAULT_NODE_MEMORY
    """The allocatable memory of the node in bytes."""
    hugepages: Mapping[str, int] = field(default_factory=dict)
    """The allocatable huge pages of the node in bytes, keyed by page size (2Mi, 1Gi)."""
    schedulable: bool = True
    cpu_vendor: str = DEFAULT_CPU_VENDOR
    """The CPU vendor of the node, such as Intel or AMD, which a node label shows."""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    """The taints of the node, each as `key=value:effect`."""
    cpus: int = DEFAULT_CPUS
    devices: Mapping[str, str] = field(default_factory=dict)
    """The number of the node's devices, keyed by resource name, such as `nvidia.com/gpu: 1`."""
    pods: int = DEFAULT_PODS
    cordoned: bool = False
    ready: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSpec:
    """A backup of a VM that is running when the simulation starts."""

    name: str
    ends_s: float | None = None
    """The simulated seconds until the backup ends, or None if the backup never ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VMSpec:
    """The initial state of a VM in a simulated cluster, with sizes in bytes."""

    path: str
    """The location of the VM in the scenario, such as `vms[3]`."""
    name: str
    namespace: str
    guest: int | None = None
    """The guest memory in the VM's spec, or None if an instancetype or `spec` sets it."""
    max_guest: int | None = None
    booted_with: int | None = None
    """The guest memory when the VM started, if it differs from `guest`."""
    hotplugged: bool = False
    """Whether the change from `booted_with` to `guest` has already been hotplugged."""
    booted_under: str = ""
    """The rollout strategy when the VM started; if empty, that of the KubeVirt CR."""
    guest_current: int | None = None
    """The current memory of the guest, if it differs from the requested size."""
    last_plug_refused: bool = False
    """Whether libvirt rejected the last hotplug, so that HotMemoryChange is False."""
    running: bool = True
    node: str = ""
    launcher: str = ""
    """The KubeVirt version when the VM started, or an empty string for the current version."""
    architecture: str = "amd64"
    eviction_strategy: str = ""
    """The eviction strategy of the VM, or an empty string for the KubeVirt CR's strategy."""
    live_update_features: Mapping[str, Any] | None = None
    """The spec.liveUpdateFeatures of the VM, a field that only KubeVirt v1.1 has."""
    instancetype: str = ""
    pool: str = ""
    """The name of the VirtualMachinePool that owns the VM, or an empty string without a pool."""
    controller: str = ""
    """The object that controls the VM, as Kind/name, such as KubevirtMachine/worker-0."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    vmi_labels: Mapping[str, str] = field(default_factory=dict)
    """The labels of the VM's template and VMI, by which a MigrationPolicy selects VMIs."""
    backup: BackupSpec | None = None
    domain: Mapping[str, Any] = field(default_factory=dict)
    """Fields that override the domain of the VM, such as cpu, resources and launchSecurity."""
    placement: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the VM template that restrict the nodes, such as tolerations and affinity."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """A complete VirtualMachine spec, which replaces the spec built from the other fields."""
    manager: str = "kubectl-create"
    """The field manager that created the VM."""
    profile: guest_profile.GuestProfile = field(default_factory=guest_profile.GuestProfile)
    faults: VMFaults = field(default_factory=VMFaults)

    @property
    def key(self) -> tuple[str, str]:
        """The namespace and the name of the VM."""
        return self.namespace, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancetypeSpec:
    """An instancetype in a simulated cluster; cluster-wide if the namespace is empty."""

    name: str
    namespace: str
    guest: int
    cpu: int
    max_guest: int | None = None
    overcommit_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSpec:
    """A ResourceQuota of a simulated cluster."""

    path: str
    name: str
    namespace: str
    hard: Mapping[str, str]
    scope_selector: Mapping[str, Any] = field(default_factory=dict)
    """The `scopeSelector` of the quota."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterQuotaSpec:
    """An Application-Aware Quota (AAQ) that several namespaces share."""

    name: str
    hard: Mapping[str, str]
    selects: Mapping[str, str]
    """The labels of the namespaces that share the quota; if empty, all namespaces share it."""


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
    """The migration phase that triggers the event, or an empty string for a fixed time."""
    request: Mapping[str, Any]
    """A request that an administrator sends, with method, path, body and contentType."""
    faults: Mapping[tuple[str, str], VMFaults]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The initial state of a simulated cluster, with default values for unset fields."""

    name: str = "world"
    starts_at: datetime | None = None
    """The date and time when the simulation starts, or None for the default of the clock."""
    version: str = DEFAULT_VERSION
    kubevirt_namespace: str = "kubevirt"
    kubevirt_names: tuple[str, ...] = ("kubevirt",)
    """The names of the KubeVirt CRs; a real cluster has exactly one."""
    kubevirt_spec: Mapping[str, Any] = field(default_factory=dict)
    hyperconverged: HyperConvergedSpec | None = None
    """The HyperConverged object that determines the KubeVirt CR, or None if none exists."""
    harvester: HarvesterSpec | None = None
    """The Harvester cluster that determines the KubeVirt CR, or None without Harvester."""
    deckhouse: bool = False
    """Whether the cluster runs Deckhouse's fork of KubeVirt, and does not serve KubeVirt's API."""
    writers: tuple[WriterSpec, ...] = ()
    """Tools that reset fields of an object after each change, such as Argo CD."""
    nodes: tuple[NodeSpec, ...] = ()
    namespaces: tuple[str, ...] = ()
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The labels of each namespace, in addition to the default labels."""
    vms: tuple[VMSpec, ...] = ()
    instancetypes: tuple[InstancetypeSpec, ...] = ()
    quotas: tuple[QuotaSpec, ...] = ()
    limit_ranges: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """The `limits` of one LimitRange per namespace."""
    aware_quotas: tuple[QuotaSpec, ...] = ()
    """The Application-Aware Quotas (AAQ), each for one namespace.

    AAQ is installed only if a quota exists.
    """
    aware_cluster_quotas: tuple[ClusterQuotaSpec, ...] = ()
    """The Application-Aware Quotas (AAQ) that several namespaces share."""
    aware_calculator: str = ""
    """The name of the calculator with which Application-Aware Quota (AAQ) counts VMs."""
    aware_down: bool = False
    """Whether only the webhook of Application-Aware Quota (AAQ) runs, and not the controller."""
    migrations: tuple[MigrationSpec, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    objects: tuple[Mapping[str, Any], ...] = ()
    """The manifests of additional objects in the cluster."""
    bandwidth: int = DEFAULT_BANDWIDTH
    """The network bandwidth per migration, in bytes per second."""
    rbac: str = "open"
    """The authorization mode: `open` allows every request, `enforced` applies RBAC."""
    tokens: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Maps each bearer token to its user and groups."""
    api_faults: tuple[Fault, ...] = ()
    seed: int = 0
