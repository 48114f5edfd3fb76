"""The Kubernetes JSON fields that this program reads, as msgspec Structs.

Other fields are skipped. Most fields can be absent or null. Quantities and times are kept as
Kubernetes writes them; the decoding modules parse them.
"""

from __future__ import annotations

from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from reconciler.cluster.decode.structs.wire_managers import VMManager

T = TypeVar("T")

Amount: TypeAlias = str | int | float | None


class Wire(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Base class of JSON objects with camelCase field names; unknown fields are skipped."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list response; *T* is the type of its ``items``."""

    items: T | None
    kind: str = ""


class Identity(Wire, frozen=True):
    """The namespace and the name of an object, readable even if other fields are malformed."""

    namespace: str | None = None
    name: str = ""


class Nameplate(Wire, frozen=True):
    """An object of any kind, of which only the namespace and the name are decoded."""

    metadata: Identity = Identity()


class Meta(Wire, frozen=True):
    """The ``metadata`` of an object, without large fields such as managedFields."""

    name: str
    namespace: str | None = None
    uid: str | None = None
    generation: int | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Condition(Wire, frozen=True):
    """A Kubernetes status condition from an object's ``status.conditions``."""

    type: str
    status: str = "Unknown"
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class Memory(Wire, frozen=True):
    """A VM's ``domain.memory``."""

    guest: Amount = None
    max_guest: Amount = None
    hugepages: Hugepages | None = None


class Hugepages(Wire, frozen=True):
    """A VM's ``domain.memory.hugepages``."""

    page_size: str | None = None


class Numa(Wire, frozen=True):
    """A VM's ``domain.cpu.numa``."""

    guest_mapping_passthrough: dict[str, Any] | None = None


class Cpu(Wire, frozen=True):
    """A VM's ``domain.cpu``."""

    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    max_sockets: int | None = None
    dedicated_cpu_placement: bool | None = None
    realtime: dict[str, Any] | None = None
    numa: Numa | None = None


class Amounts(Wire, frozen=True):
    """The amounts in ``requests`` or ``limits`` of a VM's ``domain.resources``."""

    memory: Amount = None
    cpu: Amount = None


class Resources(Wire, frozen=True):
    """A VM's ``domain.resources``."""

    requests: Amounts | None = None
    limits: Amounts | None = None
    overcommit_guest_overhead: bool | None = None


class Devices(Wire, frozen=True):
    """A VM's ``domain.devices``."""

    autoattach_graphics_device: bool | None = None


class Domain(Wire, frozen=True):
    """The ``domain`` of a VM's template or of a VM instance."""

    memory: Memory | None = None
    cpu: Cpu | None = None
    resources: Resources | None = None
    launch_security: dict[str, Any] | None = None
    devices: Devices | None = None


class GuestSpec(Wire, frozen=True):
    """A VM instance's ``spec``; a VM's ``spec.template.spec`` has the same fields."""

    architecture: str | None = None
    domain: Domain | None = None
    eviction_strategy: str | None = None
    node_selector: dict[str, str] | None = None


class Template(Wire, frozen=True):
    """A VM's ``spec.template``."""

    spec: GuestSpec | None = None


class Instancetype(Wire, frozen=True):
    """A VM's ``spec.instancetype``."""

    name: str | None = None
    kind: str | None = None
    revision_name: str | None = None


class LiveUpdateMemory(Wire, frozen=True):
    """A VM's ``spec.liveUpdateFeatures.memory``, which only KubeVirt v1.1 has."""

    max_guest: Amount = None


class LiveUpdateFeatures(Wire, frozen=True):
    """A VM's ``spec.liveUpdateFeatures``, which only KubeVirt v1.1 has."""

    memory: LiveUpdateMemory | None = None


class KindAndName(Wire, frozen=True):
    """A reference by kind and name, such as an ownerReference or a VM's ``spec.preference``."""

    kind: str | None = None
    name: str | None = None
    controller: bool | None = None


class VMSpec(Wire, frozen=True):
    """A VM's ``spec``."""

    run_strategy: str | None = None
    running: bool | None = None
    instancetype: Instancetype | None = None
    preference: KindAndName | None = None
    live_update_features: LiveUpdateFeatures | None = None
    template: Template | None = None


class RevisionRef(Wire, frozen=True):
    """A VM's ``status.instancetypeRef.controllerRevisionRef``."""

    name: str | None = None


class InstancetypeRef(Wire, frozen=True):
    """A VM's ``status.instancetypeRef``."""

    name: str | None = None
    controller_revision_ref: RevisionRef | None = None


class StateChange(Wire, frozen=True):
    """A requested stop or start in a VM's ``status.stateChangeRequests``."""

    action: str | None = None


class VMStatus(Wire, frozen=True):
    """A VM's ``status``."""

    printable_status: str | None = None
    instancetype_ref: InstancetypeRef | None = None
    conditions: list[Condition] | None = None
    state_change_requests: list[StateChange] | None = None


class VMMeta(Meta, frozen=True):
    """A VM's ``metadata``."""

    resource_version: str | None = None
    owner_references: list[KindAndName] | None = None
    managed_fields: list[VMManager] | None = None


class VM(Wire, frozen=True):
    """A VirtualMachine, as the API server sends it."""

    metadata: VMMeta
    spec: VMSpec | None = None
    status: VMStatus | None = None


class NodeTaint(Wire, frozen=True):
    """A taint from a node's ``spec.taints``."""

    key: str
    value: str | None = None
    effect: str = ""


class NodeSpec(Wire, frozen=True):
    """A node's ``spec``."""

    unschedulable: bool | None = None
    taints: list[NodeTaint] | None = None


class NodeStatus(Wire, frozen=True):
    """A node's ``status``."""

    allocatable: dict[str, Amount] | None = None
    conditions: list[Condition] | None = None


class Node(Wire, frozen=True):
    """A Kubernetes node, as the API server sends it."""

    metadata: Meta
    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class InstancetypeItem(Wire, frozen=True):
    """A VirtualMachineInstancetype or VirtualMachineClusterInstancetype from the API server."""

    metadata: Meta
    spec: dict[str, Any] | None = None
