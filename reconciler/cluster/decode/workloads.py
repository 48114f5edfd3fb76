"""``VMS``, ``VMIS``, ``MIGRATIONS``: decode VMs, VM instances and migrations."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.cluster.decode.decode_values import (
    NO_DOMAIN,
    amount,
    conditions,
    constraints,
    labels,
    moment,
    shared,
    shared_vm_ref,
    topology,
)
from reconciler.cluster.decode.pages import Kind
from reconciler.cluster.decode.scheduling_constraints import placement
from reconciler.cluster.decode.structs import wire, wire_vmi
from reconciler.cluster.decode.tracking_tool import tracking_tool
from reconciler.model.annotations import SUSPEND
from reconciler.model.live.live_migration import LiveMigration, MigrationPhase
from reconciler.model.live.live_state import LiveVM, LiveVMI
from reconciler.model.references import ObjectRef, Uid
from reconciler.plan.vm.harvester_webhooks import HOTPLUG_ANNOTATION, RESERVED_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.cluster.decode.structs.wire_managers import VMManager

FOR_UPDATE = "kubevirt.io/workloadUpdateMigration"
"""The annotation on migrations that KubeVirt's workload updater creates.

Source: kubevirt v1.9.0 pkg/virt-controller/watch/workload-updater/workload-updater.go.
"""
POOL = "VirtualMachinePool"
"""The Kubernetes kind of a VM pool, whose VMs have an ownerReference to the pool."""
_CREATOR = "harvesterhci.io/creator"
_NODE_DRIVER = "docker-machine-driver-harvester"

_NO_CPU = wire.Cpu()
_VMI_NAME = re.compile(rb'"vmiName"\s*:\s*"([a-z0-9.-]+)"')


def vm(item: wire.VM) -> LiveVM:
    """Decode a VirtualMachine."""
    meta, spec, status = item.metadata, item.spec or wire.VMSpec(), item.status or wire.VMStatus()
    template = spec.template.spec if spec.template else None
    domain = template.domain if template else None
    memory, cpu = (domain.memory, domain.cpu or _NO_CPU) if domain else (None, _NO_CPU)
    manager, changed_at = _guest_manager(meta.managed_fields or ())
    kind = spec.instancetype or wire.Instancetype()
    switch = spec.live_update_features.memory if spec.live_update_features else None
    own_max = memory.max_guest if memory else None
    if own_max is None and switch is not None:
        own_max = switch.max_guest
    return LiveVM(
        ref=shared_vm_ref(meta.namespace, meta.name),
        uid=Uid(meta.uid or ""),
        generation=meta.generation or 0,
        guest=amount(memory.guest, "memory.guest") if memory else None,
        max_guest=amount(own_max, "memory.maxGuest"),
        memory_present=memory is not None,
        live_update_memory=switch is not None,
        instancetype=shared(kind.name) or None,
        instancetype_kind=shared(kind.kind),
        preference=shared(spec.preference.name) if spec.preference else "",
        revision_name=kind.revision_name or "",
        revision=_revision(kind, status.instancetype_ref),
        running_wanted=spec.run_strategy != "Halted" and spec.running is not False,
        constraints=constraints(template),
        cpu=topology(cpu.sockets, cpu.cores, cpu.threads),
        conditions=conditions(status.conditions),
        printable_status=shared(status.printable_status),
        labels=labels(meta.labels),
        suspended=(meta.annotations or {}).get(SUSPEND) == "true",
        guest_manager=manager,
        guest_changed_at=changed_at,
        pool=_pool(meta.owner_references or ()),
        controller=_controller(meta),
        tracked_by=tracking_tool(meta.labels or {}, meta.annotations or {}),
        harvester_hotplug=(meta.annotations or {}).get(HOTPLUG_ANNOTATION, "").lower() == "true",
        harvester_reserved=amount(
            (meta.annotations or {}).get(RESERVED_ANNOTATION), RESERVED_ANNOTATION
        ),
        restart_asked=bool(status.state_change_requests),
        annotated=meta.annotations is not None,
        resource_version=meta.resource_version or "",
        deleting=meta.deletion_timestamp is not None,
    )


def _pool(owners: Iterable[wire.KindAndName]) -> str:
    """Return the name of the pool that owns a VM, or an empty string without a pool.

    Source: observed on KubeVirt v1.9.0 (recording pool-vm-patched).
    """
    return next((each.name or "" for each in owners if each.kind == POOL), "")


def _controller(meta: wire.VMMeta) -> str:
    """Return the object, other than a pool, that controls a VM, as ``Kind/name``.

    Without such an object, the result is an empty string. Rancher's node driver sets a label
    instead of an ownerReference. Source: harvester
    pkg/util/constants.go (LabelVMCreator).
    """
    for each in meta.owner_references or ():
        if each.controller and each.kind != POOL:
            return f"{each.kind}/{each.name}"
    rancher = (meta.labels or {}).get(_CREATOR) == _NODE_DRIVER
    return f"Rancher's node driver/{meta.name}" if rancher else ""


def _revision(kind: wire.Instancetype, kept: wire.InstancetypeRef | None) -> str:
    """Return the name of the instancetype ControllerRevision that the VM uses.

    The revision in the VM's status is used only if status and spec have the same instancetype.

    Source: kubevirt v1.4.0 types.go (spec.instancetype.revisionName), v1.5.0
    (status.instancetypeRef); observed on v1.6.3 and v1.9.0 (recordings instancetype-change).
    """
    if kind.revision_name or kept is None or kept.name != kind.name:
        return kind.revision_name or ""
    return (kept.controller_revision_ref.name or "") if kept.controller_revision_ref else ""


def _guest_manager(entries: tuple[()] | list[VMManager]) -> tuple[str, datetime | None]:
    """Return the field manager that last wrote the memory size of a VM, and the time of the write.

    Times in managedFields are in UTC, so their strings sort by time.
    """
    owners = [each for each in entries if each.fields and each.fields.guest]
    latest = max(owners, key=lambda each: each.time or "", default=None)
    return (shared(latest.manager), moment(latest.time)) if latest else ("", None)


def vmi(item: wire_vmi.VMI) -> LiveVMI:
    """Decode a VirtualMachineInstance; the result contains the reference to the VM."""
    meta, spec, status = item.metadata, item.spec, item.status or wire_vmi.VMIStatus()
    domain = (spec.domain if spec else None) or NO_DOMAIN
    memory, cpu = domain.memory, domain.cpu or _NO_CPU
    sizes = status.memory or wire_vmi.MemoryStatus()
    migration = status.migration_state or wire_vmi.MigrationState()
    guest_os = status.guest_os or wire_vmi.GuestOS()
    return LiveVMI(
        ref=shared_vm_ref(meta.namespace, meta.name),
        uid=Uid(meta.uid or ""),
        phase=shared(status.phase),
        node=shared(status.node_name),
        guest=amount(memory.guest, "memory.guest") if memory else None,
        max_guest=amount(memory.max_guest, "memory.maxGuest") if memory else None,
        guest_at_boot=amount(sizes.guest_at_boot, "guestAtBoot"),
        guest_requested=amount(sizes.guest_requested, "guestRequested"),
        guest_current=amount(sizes.guest_current, "guestCurrent"),
        conditions=conditions(status.conditions),
        constraints=constraints(spec),
        vcpus=(cpu.sockets or 1) * (cpu.cores or 1) * (cpu.threads or 1),
        max_sockets=cpu.max_sockets,
        cpu=topology(cpu.sockets, cpu.cores, cpu.threads),
        eviction_strategy=shared(spec.eviction_strategy if spec else None),
        created_at=moment(meta.creation_timestamp),
        migration_started_at=moment(migration.start_timestamp),
        migration_ended_at=moment(migration.end_timestamp),
        migration_uid=migration.migration_uid or "",
        kernel=shared(guest_os.kernel_release),
        guest_os=shared(guest_os.id),
        backup=_backup(status),
        graphics=not (domain.devices and domain.devices.autoattach_graphics_device is False),
        memory_overhead=amount(sizes.memory_overhead, "memoryOverhead"),
        node_selector=labels(spec.node_selector if spec else None),
        placement=placement(spec, meta.namespace or "", meta.labels),
        labels=labels(meta.labels),
        deleting=meta.deletion_timestamp is not None,
    )


def _backup(status: wire_vmi.VMIStatus) -> str:
    """Return the name of the running backup of a VM, or an empty string if no backup runs."""
    tracking = status.changed_block_tracking
    backup = tracking.backup_status if tracking else None
    if backup is None or backup.completed or backup.failed:
        return ""
    return backup.backup_name or ""


def migration(item: wire_vmi.Migration) -> LiveMigration:
    """Decode a VirtualMachineInstanceMigration."""
    meta, status = item.metadata, item.status or wire_vmi.MigrationStatus()
    state = status.migration_state or wire_vmi.MigrationState()
    phase = _phase(status.phase or "")
    ended_at = moment(state.end_timestamp)
    if ended_at is None and phase.finished:
        # A migration that failed before the hand-over has phases but no state.
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
            namespace=shared(meta.namespace),
            name=meta.name,
        ),
        uid=Uid(meta.uid or ""),
        vmi_name=shared(item.spec.vmi_name if item.spec else None),
        phase=phase,
        created_at=moment(meta.creation_timestamp),
        started_at=moment(state.start_timestamp),
        ended_at=ended_at,
        failure_reason=shared(state.failure_reason),
        source_node=shared(state.source_node),
        target_node=shared(state.target_node),
        for_update=FOR_UPDATE in (meta.annotations or {}),
        conditions=conditions(status.conditions),
    )


def _migration_in_flight(ref: ObjectRef, body: bytes) -> Iterator[LiveMigration]:
    """Yield a migration in progress as the worst-case replacement for an unreadable migration."""
    vmi = _VMI_NAME.search(body)
    yield LiveMigration(
        ref=ref,
        uid=Uid(""),
        vmi_name=shared(vmi[1].decode()) if vmi else "",
        phase=MigrationPhase.UNSET,
    )


def _phase(text: str) -> MigrationPhase:
    try:
        return MigrationPhase(text)
    except ValueError:
        # A phase that only a newer KubeVirt has counts as in flight.
        return MigrationPhase.UNSET


VMS = Kind("VirtualMachine", wire.VM, vm)
VMIS = Kind("VirtualMachineInstance", wire_vmi.VMI, vmi, keyed="VirtualMachine")
MIGRATIONS = Kind(
    "VirtualMachineInstanceMigration",
    wire_vmi.Migration,
    migration,
    replacement=_migration_in_flight,
    consequence="it counts as in progress",
)


def by_vm(found: Iterable[LiveMigration]) -> dict[ObjectRef, tuple[LiveMigration, ...]]:
    """Group migrations by the reference to their VM; each group starts with the oldest."""
    groups: dict[ObjectRef, list[LiveMigration]] = {}
    for each in found:
        groups.setdefault(vm_of(each), []).append(each)
    return {ref: tuple(sorted(group, key=age_order)) for ref, group in groups.items()}


def vm_of(each: LiveMigration) -> ObjectRef:
    """Return the reference to the VM that a migration moves."""
    return shared_vm_ref(each.ref.namespace, each.vmi_name)


def age_order(each: LiveMigration) -> tuple[datetime, str]:
    """Return a sort key that orders migrations by creation time; unknown times come first."""
    return (each.created_at or datetime.min.replace(tzinfo=UTC), each.ref.name)
