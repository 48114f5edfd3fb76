"""VMs, instances, migrations and nodes: from what the server says to values; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.model.live import (
    Condition,
    Constraints,
    LiveMigration,
    LiveNode,
    LiveVM,
    LiveVMI,
    MigrationPhase,
)
from reconciler.model.quantity import MemoryQuantity, QuantityError
from reconciler.model.refs import ObjectRef, Uid, vm_ref
from reconciler.model.room import UNREAD_LABELS

from . import wire
from .kinds import Kind, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .wire_managers import VMManager

SUSPEND = "memory.reconciler.dev/suspend"
"""Annotation: ``true`` leaves the VM alone."""
FOR_UPDATE = "kubevirt.io/workloadUpdateMigration"
"""Annotation that the workload updater leaves on its migrations.

Source: kubevirt v1.9.0 pkg/virt-controller/watch/workload-updater/workload-updater.go.
"""
SCHEDULABLE = "kubevirt.io/schedulable"
HUGEPAGES = "hugepages-"
"""Resource names begin so; the size of a page follows."""

_UNCONSTRAINED = Constraints()
_NO_DOMAIN = wire.Domain()


@lru_cache(maxsize=8192, typed=True)
def _amount(value: str | float) -> MemoryQuantity:
    return MemoryQuantity.parse(value)


def amount(value: wire.Amount, name: str) -> MemoryQuantity | None:
    """*value* of the field *name*; None where it is absent.

    Raises:
        UnreadableError: It is no quantity.
    """
    if value is None or value == "":
        return None
    try:
        return _amount(value)
    except QuantityError as error:
        raise UnreadableError(f"{name}: {error}") from error


@lru_cache(maxsize=8192)
def moment(text: str | None) -> datetime | None:
    """*text* as a time in UTC; None where it is absent or no time."""
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


def conditions(found: list[wire.Condition] | None) -> Mapping[str, Condition]:
    """The conditions by type; of two of the same type the last counts."""
    return {
        each.type: Condition(
            status=each.status,
            reason=each.reason or "",
            message=each.message or "",
            since=moment(each.last_transition_time),
        )
        for each in found or ()
    }


def constraints(spec: wire.GuestSpec | None) -> Constraints:
    """What in *spec* bears on memory hotplug."""
    if spec is None:
        return _UNCONSTRAINED
    domain = spec.domain or _NO_DOMAIN
    cpu, memory, resources = domain.cpu, domain.memory, domain.resources
    limits = resources.limits if resources else None
    requests = resources.requests if resources else None
    return Constraints(
        architecture=spec.architecture or "",
        realtime=bool(cpu and cpu.realtime is not None),
        numa_passthrough=bool(cpu and cpu.numa and cpu.numa.guest_mapping_passthrough is not None),
        launch_security=domain.launch_security is not None,
        dedicated_cpus=bool(cpu and cpu.dedicated_cpu_placement),
        hugepages=memory.hugepages.page_size if memory and memory.hugepages else None,
        requests=amount(requests.memory, "resources.requests.memory") if requests else None,
        limits=amount(limits.memory, "resources.limits.memory") if limits else None,
        overhead_left_out=bool(resources and resources.overcommit_guest_overhead),
    )


def vm(item: wire.VM) -> LiveVM:
    """The VM *item*."""
    meta, spec, status = item.metadata, item.spec or wire.VMSpec(), item.status or wire.VMStatus()
    template = spec.template.spec if spec.template else None
    domain = template.domain if template else None
    memory, cpu = (domain.memory, domain.cpu) if domain else (None, None)
    manager, changed_at = _guest_manager(meta.managed_fields or ())
    kind = spec.instancetype or wire.Instancetype()
    switch = spec.live_update_features.memory if spec.live_update_features else None
    own_max = memory.max_guest if memory else None
    if own_max is None and switch is not None:
        own_max = switch.max_guest
    return LiveVM(
        ref=vm_ref(meta.namespace or "", meta.name),
        uid=Uid(meta.uid or ""),
        generation=meta.generation or 0,
        guest=amount(memory.guest, "memory.guest") if memory else None,
        max_guest=amount(own_max, "memory.maxGuest"),
        memory_present=memory is not None,
        live_update_memory=switch is not None,
        instancetype=kind.name or None,
        instancetype_kind=kind.kind or "",
        revision_name=kind.revision_name or "",
        revision=_revision(kind, status.instancetype_ref),
        running_wanted=spec.run_strategy != "Halted" and spec.running is not False,
        constraints=constraints(template),
        cpu=(cpu.sockets, cpu.cores, cpu.threads) if cpu else (None, None, None),
        conditions=conditions(status.conditions),
        printable_status=status.printable_status or "",
        labels=meta.labels or {},
        suspended=(meta.annotations or {}).get(SUSPEND) == "true",
        guest_manager=manager,
        guest_changed_at=changed_at,
        restart_asked=bool(status.state_change_requests),
        annotated=meta.annotations is not None,
        resource_version=meta.resource_version or "",
        deleting=meta.deletion_timestamp is not None,
    )


def _revision(kind: wire.Instancetype, kept: wire.InstancetypeRef | None) -> str:
    """The revision that the VM holds; one in the status counts only for the type still named.

    Source: kubevirt v1.4.0 types.go (spec.instancetype.revisionName), v1.5.0
    (status.instancetypeRef); recorded v1.6.3, v1.9.0 instancetype-change.
    """
    if kind.revision_name or kept is None or kept.name != kind.name:
        return kind.revision_name or ""
    return (kept.controller_revision_ref.name or "") if kept.controller_revision_ref else ""


def _guest_manager(entries: tuple[()] | list[VMManager]) -> tuple[str, datetime | None]:
    """Who wrote the VM's size last, and when; times sort as text, for they are all UTC."""
    owners = [each for each in entries if each.fields and each.fields.guest]
    latest = max(owners, key=lambda each: each.time or "", default=None)
    return (latest.manager or "", moment(latest.time)) if latest else ("", None)


def vmi(item: wire.VMI) -> LiveVMI:
    """The instance *item*, under the reference of its VM."""
    meta, spec, status = item.metadata, item.spec, item.status or wire.VMIStatus()
    domain = (spec.domain if spec else None) or _NO_DOMAIN
    memory, cpu = domain.memory, domain.cpu
    sizes = status.memory or wire.MemoryStatus()
    migration = status.migration_state or wire.MigrationState()
    guest_os = status.guest_os or wire.GuestOS()
    return LiveVMI(
        ref=vm_ref(meta.namespace or "", meta.name),
        uid=Uid(meta.uid or ""),
        phase=status.phase or "",
        node=status.node_name or "",
        guest=amount(memory.guest, "memory.guest") if memory else None,
        max_guest=amount(memory.max_guest, "memory.maxGuest") if memory else None,
        guest_at_boot=amount(sizes.guest_at_boot, "guestAtBoot"),
        guest_requested=amount(sizes.guest_requested, "guestRequested"),
        guest_current=amount(sizes.guest_current, "guestCurrent"),
        conditions=conditions(status.conditions),
        constraints=constraints(spec),
        vcpus=(cpu.sockets or 1) * (cpu.cores or 1) * (cpu.threads or 1) if cpu else 1,
        max_sockets=cpu.max_sockets if cpu else None,
        cpu=(cpu.sockets, cpu.cores, cpu.threads) if cpu else (None, None, None),
        eviction_strategy=(spec.eviction_strategy or "") if spec else "",
        created_at=moment(meta.creation_timestamp),
        migration_started_at=moment(migration.start_timestamp),
        migration_ended_at=moment(migration.end_timestamp),
        migration_uid=migration.migration_uid or "",
        kernel=guest_os.kernel_release or "",
        guest_os=guest_os.id or "",
        backup=_backup(status),
        graphics=not (domain.devices and domain.devices.autoattach_graphics_device is False),
        memory_overhead=amount(sizes.memory_overhead, "memoryOverhead"),
        node_selector=(spec.node_selector or {}) if spec else {},
        labels=meta.labels or {},
        deleting=meta.deletion_timestamp is not None,
    )


def _backup(status: wire.VMIStatus) -> str:
    """The name of a backup that has neither completed nor failed."""
    tracking = status.changed_block_tracking
    backup = tracking.backup_status if tracking else None
    if backup is None or backup.completed or backup.failed:
        return ""
    return backup.backup_name or ""


def migration(item: wire.Migration) -> LiveMigration:
    """The migration *item*."""
    meta, status = item.metadata, item.status or wire.MigrationStatus()
    state = status.migration_state or wire.MigrationState()
    phase = _phase(status.phase or "")
    ended_at = moment(state.end_timestamp)
    if ended_at is None and phase.finished:
        # A migration that failed before the hand-over has no state, only its phases.
        ended_at = next(
            (
                moment(each.time)
                for each in status.phase_transition_timestamps or ()
                if each.phase == phase
            ),
            None,
        )
    return LiveMigration(
        ref=ObjectRef(
            kind="VirtualMachineInstanceMigration",
            namespace=meta.namespace or "",
            name=meta.name,
        ),
        uid=Uid(meta.uid or ""),
        vmi_name=(item.spec.vmi_name or "") if item.spec else "",
        phase=phase,
        created_at=moment(meta.creation_timestamp),
        started_at=moment(state.start_timestamp),
        ended_at=ended_at,
        failure_reason=state.failure_reason or "",
        source_node=state.source_node or "",
        target_node=state.target_node or "",
        for_update=FOR_UPDATE in (meta.annotations or {}),
        conditions=conditions(status.conditions),
    )


def _phase(text: str) -> MigrationPhase:
    try:
        return MigrationPhase(text)
    except ValueError:
        # A phase of a newer KubeVirt: not finished, so that it counts as under way.
        return MigrationPhase.UNSET


def node(item: wire.Node) -> LiveNode:
    """The node *item*."""
    meta, status = item.metadata, item.status or wire.NodeStatus()
    cordoned = bool(item.spec and item.spec.unschedulable)
    allocatable, labels = status.allocatable or {}, meta.labels or {}
    sizes = {
        name.removeprefix(HUGEPAGES): amount(found, f"allocatable.{name}")
        for name, found in allocatable.items()
        if name.startswith(HUGEPAGES)
    }
    return LiveNode(
        name=meta.name,
        schedulable=not cordoned and labels.get(SCHEDULABLE) == "true",
        allocatable=amount(allocatable.get("memory"), "allocatable.memory"),
        hugepages={size: found for size, found in sizes.items() if found and found.n_bytes},
        labels={key: text for key, text in labels.items() if not key.startswith(UNREAD_LABELS)},
    )


VMS = Kind("VirtualMachine", wire.VM, vm)
VMIS = Kind("VirtualMachineInstance", wire.VMI, vmi, keyed="VirtualMachine")
MIGRATIONS = Kind("VirtualMachineInstanceMigration", wire.Migration, migration)
NODES = Kind("Node", wire.Node, node)


def by_vm(found: Iterable[LiveMigration]) -> dict[ObjectRef, tuple[LiveMigration, ...]]:
    """*found* by the reference of the VM, oldest first."""
    groups: dict[ObjectRef, list[LiveMigration]] = {}
    for each in found:
        groups.setdefault(vm_of(each), []).append(each)
    return {ref: tuple(sorted(group, key=age_order)) for ref, group in groups.items()}


def vm_of(each: LiveMigration) -> ObjectRef:
    """The VM that the migration *each* moves."""
    return vm_ref(each.ref.namespace, each.vmi_name)


def age_order(each: LiveMigration) -> tuple[datetime, str]:
    """Sorts migrations oldest first; one without a time is the oldest."""
    return (each.created_at or datetime.min.replace(tzinfo=UTC), each.ref.name)
