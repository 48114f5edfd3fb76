"""How each reason is known: seen on a control plane, or read from KubeVirt's code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping


class Mark(StrEnum):
    """How far a rule can be trusted."""

    RECORDED = "recorded"
    """Seen on a real control plane of KubeVirt v1.3.1, v1.6.3 or v1.9.0."""
    SOURCE = "source"
    """Read from KubeVirt's code, and not seen."""
    OWN = "own"
    """No claim about KubeVirt: the user's configuration, or this product's own caution."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What stands behind one reason."""

    mark: Mark
    where: str
    """Scenarios and versions of a recording, or file and version of the code."""


def _recorded(where: str) -> Evidence:
    return Evidence(Mark.RECORDED, where)


def _source(where: str) -> Evidence:
    return Evidence(Mark.SOURCE, where)


def _own(where: str) -> Evidence:
    return Evidence(Mark.OWN, where)


_VM = "pkg/virt-controller/watch/vm/vm.go"
_UPDATER = "pkg/virt-controller/watch/workload-updater/workload-updater.go"

EVIDENCE: Mapping[Reason, Evidence] = {
    Reason.CONVERGED: _recorded("hotplug-succeeds, all versions"),
    Reason.STOPPED_AS_DESIRED: _recorded("halted, all versions"),
    Reason.CONFIG_AS_DESIRED: _own("nothing that Git names differs"),
    Reason.GATE_GRADUATED: _recorded("gate-missing v1.6.3: hotplugs without the gate"),
    Reason.NOTHING_NAMED: _own("Git names no memory"),
    Reason.CONFIG_CHANGE: _recorded("api mechanics; how a CR settles is read from v1.9.0 code"),
    Reason.HOTPLUG: _recorded("hotplug-succeeds, all versions"),
    Reason.HOTUNPLUG: _source(f"v1.9.0 {_VM}:3498-3502"),
    Reason.BACK_TO_RUNNING: _recorded("above-max-then-revert v1.9.0"),
    Reason.NOT_RUNNING: _recorded("halted, all versions"),
    Reason.NEW: _recorded("hotplug-succeeds, first request"),
    Reason.RESTART_PENDING: _recorded("above-max-guest, all versions"),
    Reason.STRATEGY_STAGE: _recorded("stage-then-live-update, all versions"),
    Reason.GATE_MISSING: _recorded("gate-missing v1.3.1"),
    Reason.BOOTED_BEFORE: _recorded("stage-then-live-update v1.9.0"),
    Reason.NO_MAX_GUEST: _source("v1.9.0 pkg/defaults/defaults.go:115-135"),
    Reason.ABOVE_MAX_GUEST: _recorded("above-max-guest, cluster-maxguest-reached, all versions"),
    Reason.MISALIGNED: _recorded("misaligned, all versions"),
    Reason.BELOW_MINIMUM: _source("v1.3.1 pkg/liveupdate/memory/memory.go:104"),
    Reason.BELOW_BOOT: _recorded("shrink-below-boot, all versions"),
    Reason.NOT_MIGRATABLE: _recorded("not-migratable, all versions"),
    Reason.UNSUPPORTED_CONFIGURATION: _source("v1.9.0 pkg/liveupdate/memory/memory.go:53-107"),
    Reason.UNSUPPORTED_ARCHITECTURE: _source("v1.9.0 pkg/liveupdate/memory/memory.go:53-107"),
    Reason.PLUG_FAILED_BEFORE: _recorded("plug-refused-then-revert, all versions"),
    Reason.RESTART_REQUIRED_STICKY: _recorded("above-max-then-revert v1.3.1, v1.6.3"),
    Reason.OTHER_EDIT_PENDING: _recorded("write-maxguest-on-running, mixed-edit-one-patch v1.9.0"),
    Reason.IN_FLIGHT: _recorded("hotplug-succeeds, all versions"),
    Reason.MIGRATION_RETRYING: _recorded("migration-fails, all versions"),
    Reason.GUEST_ACCEPTING: _recorded("hotplug-succeeds: guestCurrent comes after Succeeded"),
    Reason.HOTPLUG_IN_FLIGHT: _recorded("slow-then-second-change, all versions"),
    Reason.HOTPLUG_STUCK: _recorded(
        "slow-then-second-change, all versions: the refusal; no-update-methods v1.9.0: no end"
    ),
    Reason.BACKUP_RUNNING: _source(
        "v1.8.0 pkg/virt-controller/watch/migration/migration.go; v1.9.0 :1581-1645"
    ),
    Reason.MIGRATION_IN_FLIGHT: _source(f"v1.9.0 {_VM}:3484-3487"),
    Reason.LIVE_AT_NEXT_SYNC: _source(f"v1.9.0 {_VM}:2989-3061,3577-3599"),
    Reason.STARTING: _source(f"v1.9.0 {_VM}:3444-3460"),
    Reason.RESTARTING: _source("v1.9.0 pkg/virt-api/rest/lifecycle.go: stateChangeRequests"),
    Reason.MIGRATABILITY_UNKNOWN: _source(f"v1.9.0 {_VM}:3475"),
    Reason.KUBEVIRT_NOT_SETTLED: _source(f"v1.9.0 {_UPDATER}:450-455"),
    Reason.WAITS_FOR_ROOM: _own("the room that is lacking is held by migrations under way"),
    Reason.NOT_FOUND: _own("the object is not there"),
    Reason.UNREADABLE: _own("the object is there, and a value in it cannot be read"),
    Reason.BEING_DELETED: _recorded("delete-during-hotplug, all versions"),
    Reason.NOT_STARTING: _own("an instance that is not up 15 minutes after its creation"),
    Reason.SUSPENDED: _own("annotation memory.reconciler.dev/suspend"),
    Reason.DENIED_ABOVE_MAX_GUEST: _recorded("above-explicit-max-guest, all versions"),
    Reason.DENIED_BY_ADMISSION: _source("v1.9.0 vms-admitter.go:279-296"),
    Reason.MEMORY_FROM_INSTANCETYPE: _recorded("instancetype-and-guest, all versions"),
    Reason.INSTANCETYPE_CHANGE: _own("of an instancetype only the name is written"),
    Reason.INSTANCETYPE_NOT_FOUND: _source("v1.9.0 pkg/instancetype/webhooks/vm/admitter.go"),
    Reason.INSTANCETYPE_UNREADABLE: _own("what cannot be read cannot be predicted"),
    Reason.INSTANCETYPE_DIFFERS: _source(f"v1.9.0 {_VM}:2989-3053"),
    Reason.INSTANCETYPE_NOT_LIVE: _source("inference from v1.2.0 vms-admitter.go:430-567"),
    Reason.LIVE_UPDATE_FEATURES_UNSET: _source("v1.1.0 vms-admitter.go:440-446"),
    Reason.LIMITS_OVERCOMMIT: _source(
        f"v1.9.0 {_VM}:3528-3547; that the target pod is then refused is inference"
    ),
    Reason.OVERHEAD_OVERCOMMIT: _source(
        "v1.9.0 pkg/virt-handler/migration-target.go:1152-1208; the loop is inference"
    ),
    Reason.NO_LIVE_MIGRATE: _recorded("no-update-methods, misspelt-update-method v1.9.0"),
    Reason.EVICT_HAZARD: _recorded("evict-only v1.9.0"),
    Reason.NO_OTHER_NODE: _source(
        "v1.9.0 pkg/virt-controller/watch/migration/migration.go:889-911"
    ),
    Reason.NO_NODE_WITH_ROOM: _recorded(
        "target-unschedulable v1.9.0; what a pod asks for: hotplug-succeeds, all versions"
    ),
    Reason.QUOTA_WOULD_REFUSE: _recorded("quota-holds-one-pod v1.9.0"),
    Reason.PLUG_REFUSED: _recorded("plug-refused, all versions"),
    Reason.GUEST_SILENT: _source("v1.9.0 pkg/virt-handler/vm.go:1051-1061; kubevirt issue 14095"),
    Reason.MIGRATION_FAILING: _recorded("migration-fails, all versions"),
    Reason.INEFFECTIVE_MIGRATIONS: _source(
        "v1.9.0 pkg/virt-handler/migration-target.go:1187-1231"
    ),
    Reason.TARGET_UNSCHEDULABLE: _recorded("target-unschedulable, all versions"),
    Reason.QUOTA_REFUSED: _recorded("quota-holds-one-pod v1.9.0"),
    Reason.OWNED_BY_OTHER: _own("HyperConverged reverts direct changes of the CR"),
    Reason.GATE_DISABLED: _source("v1.9.0 kubevirt-update-admitter.go:508-532"),
    Reason.UNKNOWN_FIELD: _recorded("api mechanics: an unknown field is pruned"),
    Reason.WRONG_KUBEVIRT: _own("Git names another CR"),
    Reason.WOULD_EVICT: _recorded("evict-only v1.9.0; old launchers are read from v1.9.0 code"),
}
"""Every reason but those that are not in use yet."""
