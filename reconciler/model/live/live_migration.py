"""``LiveMigration`` and ``LiveMigrationPolicy``: migrations in the cluster and their policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.model.live.conditions import Conditions
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import ObjectRef, Uid


class MigrationPhase(StrEnum):
    """The phase of a VirtualMachineInstanceMigration (``status.phase``).

    Source: kubevirt v1.9.0 staging/src/kubevirt.io/api/core/v1/types.go.
    """

    UNSET = ""
    PENDING = "Pending"
    SCHEDULING = "Scheduling"
    SCHEDULED = "Scheduled"
    PREPARING_TARGET = "PreparingTarget"
    TARGET_READY = "TargetReady"
    WAITING_FOR_SYNC = "WaitingForSync"
    SYNCHRONIZING = "Synchronizing"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def finished(self) -> bool:
        """Whether a migration in this phase has ended."""
        return self in (MigrationPhase.SUCCEEDED, MigrationPhase.FAILED)

    @property
    def has_node(self) -> bool:
        """Whether the target pod of a migration in this phase was scheduled to a node.

        Only a finished migration names its target node, in ``status.migrationState``.

        Source: observed on all tested versions.
        """
        return self not in (
            MigrationPhase.UNSET,
            MigrationPhase.PENDING,
            MigrationPhase.SCHEDULING,
        )

    @property
    def fraction(self) -> float:
        """The estimated progress of a memory change in this phase, from 0 to 1, for display."""
        return _FRACTIONS[self]


_FRACTIONS = {
    MigrationPhase.UNSET: 0.05,
    MigrationPhase.PENDING: 0.1,
    MigrationPhase.SCHEDULING: 0.2,
    MigrationPhase.SCHEDULED: 0.3,
    MigrationPhase.PREPARING_TARGET: 0.35,
    MigrationPhase.TARGET_READY: 0.4,
    MigrationPhase.WAITING_FOR_SYNC: 0.4,
    MigrationPhase.SYNCHRONIZING: 0.4,
    MigrationPhase.RUNNING: 0.5,
    MigrationPhase.SUCCEEDED: 0.9,
    MigrationPhase.FAILED: 0.1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveMigration:
    """A VirtualMachineInstanceMigration in the cluster."""

    ref: ObjectRef
    uid: Uid
    vmi_name: str
    phase: MigrationPhase
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failure_reason: str = ""
    source_node: str = ""
    target_node: str = ""
    for_update: bool = False
    """Whether KubeVirt's workload updater created the migration, for example for a hotplug."""
    conditions: Conditions = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveMigrationPolicy:
    """A MigrationPolicy, reduced to the settings that affect migration times."""

    name: str
    bandwidth: MemoryQuantity | None = None
    """``spec.bandwidthPerMigration`` in bytes per second; None to use the KubeVirt CR's value."""
    completion_timeout_per_gib: int | None = None
    """``spec.completionTimeoutPerGiB`` in seconds; None to use the KubeVirt CR's value."""
    allow_post_copy: bool | None = None
    """``spec.allowPostCopy``; None to use the KubeVirt CR's value."""
    allow_workload_disruption: bool | None = None
    """``spec.allowWorkloadDisruption``; if None, ``allow_post_copy`` or the CR decides."""
    vmi_labels: Mapping[str, str] = field(default_factory=dict)
    """The labels that a VMI must have (``selectors.virtualMachineInstanceSelector``)."""
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    """The labels that the VMI's namespace must have (``selectors.namespaceSelector``)."""
