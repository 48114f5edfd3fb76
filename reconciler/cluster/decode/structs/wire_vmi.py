"""The JSON fields of VM instances and migrations that this program reads, as msgspec Structs."""

from __future__ import annotations

import msgspec

from reconciler.cluster.decode.structs.wire import Amount, Condition, Meta, Wire
from reconciler.cluster.decode.structs.wire_placement import VMISpec


class MemoryStatus(Wire, frozen=True):
    """A VM instance's ``status.memory``."""

    guest_at_boot: Amount = None
    guest_requested: Amount = None
    guest_current: Amount = None
    memory_overhead: Amount = None


class MigrationState(Wire, frozen=True):
    """The ``status.migrationState`` of a VM instance or a migration."""

    start_timestamp: str | None = None
    end_timestamp: str | None = None
    migration_uid: str | None = None
    source_node: str | None = None
    target_node: str | None = None
    failure_reason: str | None = None


class GuestOS(Wire, frozen=True):
    """A VM instance's ``status.guestOSInfo``."""

    id: str | None = None
    kernel_release: str | None = None


class BackupStatus(Wire, frozen=True):
    """A VM instance's ``status.changedBlockTracking.backupStatus``, since KubeVirt v1.8."""

    backup_name: str | None = None
    completed: bool | None = None
    failed: bool | None = None


class BlockTracking(Wire, frozen=True):
    """A VM instance's ``status.changedBlockTracking``."""

    backup_status: BackupStatus | None = None


class VMIStatus(Wire, frozen=True):
    """A VM instance's ``status``."""

    phase: str | None = None
    node_name: str | None = None
    memory: MemoryStatus | None = None
    conditions: list[Condition] | None = None
    migration_state: MigrationState | None = None
    guest_os: GuestOS | None = msgspec.field(name="guestOSInfo", default=None)
    changed_block_tracking: BlockTracking | None = None


class VMI(Wire, frozen=True):
    """A VirtualMachineInstance, as the API server sends it."""

    metadata: Meta
    spec: VMISpec | None = None
    status: VMIStatus | None = None


class MigrationSpec(Wire, frozen=True):
    """A migration's ``spec``."""

    vmi_name: str | None = None


class PhaseTransition(Wire, frozen=True):
    """The time at which a migration entered a phase."""

    phase: str | None = None
    time: str | None = msgspec.field(name="phaseTransitionTimestamp", default=None)


class MigrationStatus(Wire, frozen=True):
    """A migration's ``status``."""

    phase: str | None = None
    conditions: list[Condition] | None = None
    migration_state: MigrationState | None = None
    phase_transition_timestamps: list[PhaseTransition] | None = None


class Migration(Wire, frozen=True):
    """A VirtualMachineInstanceMigration, as the API server sends it."""

    metadata: Meta
    spec: MigrationSpec | None = None
    status: MigrationStatus | None = None
