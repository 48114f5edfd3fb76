"""A world as values: what there is in a simulated cluster when it starts."""

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
    """A node that can run VMs. Sizes in bytes."""

    name: str
    memory: int = DEFAULT_NODE_MEMORY
    """Allocatable memory."""
    hugepages: Mapping[str, int] = field(default_factory=dict)
    """Allocatable huge pages by their size: 2Mi, 1Gi."""
    schedulable: bool = True
    cpu_vendor: str = DEFAULT_CPU_VENDOR
    """As the node's labeller names it: Intel, AMD."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSpec:
    """A backup that runs when the world starts."""

    name: str
    ends_s: float | None = None
    """After how many simulated seconds it is done; None: it goes on for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VMSpec:
    """A VM as the world starts. Sizes in bytes."""

    path: str
    """Where the world file has it: `vms[3]`."""
    name: str
    namespace: str
    guest: int | None = None
    """What the VM asks for now; None takes it from an instancetype, or from `spec`."""
    max_guest: int | None = None
    booted_with: int | None = None
    """What the running guest started with, where it differs from `guest`."""
    hotplugged: bool = False
    """The change from `booted_with` to `guest` was plugged before the world starts."""
    booted_under: str = ""
    """The rollout strategy when it started; empty: the CR's."""
    guest_current: int | None = None
    """What the guest has, where it differs from what it was offered."""
    last_plug_refused: bool = False
    """HotMemoryChange is False already."""
    running: bool = True
    node: str = ""
    launcher: str = ""
    """KubeVirt's version when it started, where an upgrade came since; empty: the present one."""
    architecture: str = "amd64"
    eviction_strategy: str = ""
    """Empty: the CR's."""
    live_update_features: Mapping[str, Any] | None = None
    """What of it may be changed live, as a VM of KubeVirt v1.1 says it."""
    instancetype: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    vmi_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of its template, and with that of its VMI: what a MigrationPolicy selects by."""
    backup: BackupSpec | None = None
    domain: Mapping[str, Any] = field(default_factory=dict)
    """Merged over the VM's domain: cpu, resources, hugepages, launchSecurity, …"""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """A complete VirtualMachine spec, in place of the one made from the fields above."""
    manager: str = "kubectl-create"
    """The field manager that wrote the VM."""
    profile: guest_profile.GuestProfile = field(default_factory=guest_profile.GuestProfile)
    faults: VMFaults = field(default_factory=VMFaults)

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancetypeSpec:
    """An instancetype; without a namespace, a cluster-wide one."""

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
    """A migration that somebody else has made when the world starts."""

    path: str
    name: str
    namespace: str
    vmi: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """Something that happens by itself, `at_s` simulated seconds after the start.

    With a phase: so long after a migration of that VM has first come to it.
    """

    at_s: float
    migrating: tuple[str, str] = ("", "")
    """Namespace and name of the VM whose migration it waits for."""
    phase: str = ""
    """Of that migration; empty: it waits for none."""
    request: Mapping[str, Any]
    """A request to the API server as an administrator: method, path, body, contentType."""
    faults: Mapping[tuple[str, str], VMFaults]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A whole world, as its file says it, with defaults filled in."""

    name: str = "world"
    starts_at: datetime | None = None
    """What the clock shows when it starts, for whoever makes that clock; None: any time."""
    version: str = DEFAULT_VERSION
    kubevirt_namespace: str = "kubevirt"
    kubevirt_names: tuple[str, ...] = ("kubevirt",)
    """One, in a sound cluster; none or two to try what a client then says."""
    kubevirt_spec: Mapping[str, Any] = field(default_factory=dict)
    kubevirt_owner: str = ""
    """HyperConverged: its operator takes back what others change in the CR."""
    nodes: tuple[NodeSpec, ...] = ()
    namespaces: tuple[str, ...] = ()
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By namespace, beside what every namespace has."""
    vms: tuple[VMSpec, ...] = ()
    instancetypes: tuple[InstancetypeSpec, ...] = ()
    quotas: tuple[QuotaSpec, ...] = ()
    migrations: tuple[MigrationSpec, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    objects: tuple[Mapping[str, Any], ...] = ()
    """Other objects, as manifests."""
    bandwidth: int = DEFAULT_BANDWIDTH
    """Bytes a second that the network carries for one migration."""
    rbac: str = "open"
    """open: every token may do everything. enforced: roles and bindings decide."""
    tokens: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Bearer token → user and groups."""
    api_faults: tuple[Fault, ...] = ()
    seed: int = 0
