"""``Plan``: one decision per object, and the planned changes (actions) in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from reconciler.model.alerts.alert_hold import AlertHold
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.explanation import Explanation
from reconciler.model.fields import SettingValue, WaveName
from reconciler.model.plan.plan_forecast import Forecast
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import FieldPath, Location, ObjectRef, Uid
from reconciler.model.revision.commit_in_force import CommitInForce


class Effect(StrEnum):
    """What will happen to one object when the plan is applied."""

    NONE = "none"
    """The object matches Git, and the running guest has the desired memory."""
    CONFIG = "config"
    LIVE = "live"
    """The change takes effect in the running guest."""
    COLD = "cold"
    """The VM is not running; it will start with the new size."""
    RESTART = "restart"
    """The change takes effect only at the VM's next restart."""
    WAIT = "wait"
    """The change cannot happen yet, for example because another change is in progress."""
    CREATE = "create"
    BLOCKED = "blocked"
    """The change is not made: it would be denied, do harm or have no effect, or it has failed."""


class Reason(StrEnum):
    """The stable codes that explain why the plan assigns an effect to an object."""

    # none
    CONVERGED = "converged"
    STOPPED_AS_DESIRED = "stopped-as-desired"
    CONFIG_AS_DESIRED = "config-as-desired"
    GATE_GRADUATED = "gate-graduated"
    MEMORY_NOT_MANAGED = "memory-not-managed"
    NOTHING_NAMED = "nothing-named"
    SUSPENDED = "suspended"
    # config
    CONFIG_CHANGE = "config-change"
    # live
    HOTPLUG = "hotplug"
    IN_PLACE = "in-place"
    HOTUNPLUG = "hotunplug"
    BACK_TO_RUNNING = "back-to-running-value"
    # cold
    NOT_RUNNING = "not-running"
    # create
    NEW = "new"
    # restart
    RESTART_PENDING = "restart-pending"
    NOT_STARTED = "not-started"
    STRATEGY_STAGE = "strategy-stage"
    GATE_MISSING = "gate-missing"
    BOOTED_BEFORE = "booted-before-live-update"
    NO_MAX_GUEST = "no-max-guest"
    ABOVE_MAX_GUEST = "above-max-guest"
    MISALIGNED = "misaligned"
    BELOW_MINIMUM = "below-minimum"
    BELOW_BOOT = "below-boot-memory"
    NOT_MIGRATABLE = "not-migratable"
    UNSUPPORTED_CONFIGURATION = "unsupported-configuration"
    UNSUPPORTED_ARCHITECTURE = "unsupported-architecture"
    PLUG_FAILED_BEFORE = "plug-failed-before"
    RESTART_REQUIRED_STICKY = "restart-required-sticky"
    OTHER_EDIT_PENDING = "other-edit-pending"
    INSTANCETYPE_DIFFERS = "instancetype-differs-otherwise"
    INSTANCETYPE_NOT_LIVE = "instancetype-not-live"
    GUEST_MEMORY_UNSET = "guest-memory-unset"
    LIVE_UPDATE_FEATURES_UNSET = "live-update-features-unset"
    # wait
    IN_FLIGHT = "in-flight"
    MIGRATION_RETRYING = "migration-retrying"
    GUEST_ACCEPTING = "guest-accepting"
    HOTPLUG_IN_FLIGHT = "hotplug-in-flight"
    MIGRATION_IN_FLIGHT = "migration-in-flight"
    STARTING = "starting"
    RESTARTING = "restarting"
    LIVE_AT_NEXT_SYNC = "live-at-next-sync"
    BACKUP_RUNNING = "backup-running"
    MIGRATABILITY_UNKNOWN = "migratability-unknown"
    KUBEVIRT_NOT_SETTLED = "kubevirt-not-settled"
    OWNER_NOT_SETTLED = "owner-not-settled"
    WAITS_FOR_ROOM = "waits-for-room"
    # blocked
    NOT_FOUND = "not-found"
    INVALID_MANIFEST = "invalid-manifest"
    UNREADABLE = "unreadable"
    BEING_DELETED = "being-deleted"
    NOT_STARTING = "not-starting"
    DENIED_ABOVE_MAX_GUEST = "denied-above-max-guest"
    DENIED_BY_ADMISSION = "denied-by-admission"
    MEMORY_FROM_INSTANCETYPE = "memory-from-instancetype"
    INSTANCETYPE_CHANGE = "instancetype-change"
    INSTANCETYPE_NOT_FOUND = "instancetype-not-found"
    INSTANCETYPE_UNREADABLE = "instancetype-unreadable"
    LIMITS_OVERCOMMIT = "limits-overcommit"
    OVERHEAD_OVERCOMMIT = "overhead-overcommit"
    HOTPLUG_STUCK = "hotplug-stuck"
    NO_LIVE_MIGRATE = "no-live-migrate"
    EVICT_HAZARD = "evict-hazard"
    NO_OTHER_NODE = "no-other-node"
    NO_NODE_WITH_ROOM = "no-node-with-room"
    QUOTA_WOULD_REFUSE = "quota-would-refuse"
    AAQ_WOULD_HOLD = "aaq-would-hold"
    LIMIT_RANGE_WOULD_REFUSE = "limit-range-would-refuse"
    PLUG_REFUSED = "plug-refused"
    GUEST_SILENT = "guest-silent"
    MIGRATION_FAILING = "migration-failing"
    INEFFECTIVE_MIGRATIONS = "ineffective-migrations"
    TARGET_UNSCHEDULABLE = "target-unschedulable"
    QUOTA_REFUSED = "quota-refused"
    AAQ_HOLDS = "aaq-holds"
    LIMIT_RANGE_REFUSED = "limit-range-refused"
    OWNED_BY_POOL = "owned-by-pool"
    OWNED_BY_CONTROLLER = "owned-by-controller"
    HARVESTER_REWRITES = "harvester-rewrites-memory"
    OWNED_BY_HYPERCONVERGED = "owned-by-hyperconverged"
    NOT_SETTABLE_IN_HYPERCONVERGED = "not-settable-in-hyperconverged"
    SET_BY_ANNOTATION = "set-by-annotation"
    OWNED_BY_AUTOPILOT = "owned-by-autopilot"
    OWNED_BY_HARVESTER = "owned-by-harvester"
    OWNED_BY_COZYSTACK = "owned-by-cozystack"
    OWNED_BY_DECKHOUSE = "owned-by-deckhouse"
    TWO_OWNERS = "two-owners"
    GATE_DISABLED = "gate-disabled"
    UNKNOWN_FIELD = "unknown-field"
    WRONG_KUBEVIRT = "wrong-kubevirt"
    WOULD_EVICT = "would-evict"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTarget:
    """The object that is written instead, such as HyperConverged instead of the KubeVirt CR."""

    ref: ObjectRef
    version: str
    """The API version of the write request; it determines the paths in the patch."""

    def __str__(self) -> str:
        return f"{self.ref} ({self.ref.group}/{self.version})"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenField:
    """The field of another object from which an operator copies a setting to the KubeVirt CR."""

    target: WriteTarget
    path: FieldPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field whose value differs between Git and the cluster."""

    field: FieldPath
    before: SettingValue | None
    """The live value; None if the live object does not have the field."""
    after: SettingValue
    at: Location | None = None
    wave: WaveName
    written: WrittenField | None = None
    """The field of another object to which the value is written; None for the field itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchOp:
    """One JSON Patch operation (RFC 6902)."""

    op: str
    path: str
    value: Any = None

    def plain(self) -> dict[str, Any]:
        """Convert the JSON Patch operation to a JSON object."""
        if self.op == "remove":
            return {"op": self.op, "path": self.path}
        return {"op": self.op, "path": self.path, "value": self.value}


class Verb(StrEnum):
    """The kind of API request that carries out a planned change."""

    PATCH = "patch"
    CREATE = "create"
    RESTART = "restart"
    """A POST request to the VM's restart subresource, without a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A planned change: one write to one object, for one reason."""

    ref: ObjectRef
    uid: Uid | None
    """The object's uid; None for an object that will be created."""
    target: WriteTarget | None = None
    """The object that receives the request; None for the changed object itself."""
    wave: WaveName
    effect: Effect
    reason: Reason
    verb: Verb = Verb.PATCH
    patch: tuple[PatchOp, ...] = ()
    """The patch operations: first the ``test`` operations; empty for creates and restarts."""
    manifest: Mapping[str, Any] | None = None
    """The object to create, as JSON values; never shown, because it can contain secrets."""
    digest: str = ""
    """The ``sha256:…`` digest of the cluster, object, uid, effect, reason and write."""

    @property
    def id(self) -> str:
        """The unique name of the planned change: ``wave/Kind/namespace/name``."""
        return f"{self.wave}/{self.ref.kind}/{self.ref.namespace}/{self.ref.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the plan decides about one object."""

    ref: ObjectRef
    uid: Uid | None
    effect: Effect
    why: Explanation
    at: Location | None = None
    target: MemoryQuantity | None = None
    """The desired memory, from Git or from an instancetype; None if no memory is set."""
    guest: MemoryQuantity | None = None
    """The memory that the running guest has now; None if the VM is not running."""
    boot: MemoryQuantity | None = None
    """The memory with which the running guest booted; None if the VM is not running."""
    maximum: MemoryQuantity | None = None
    """The running VM's ``maxGuest``, up to which memory can grow live; None if it is not set."""
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    owner: str = ""
    """The field manager that last wrote the value in the cluster."""
    actions: tuple[Action, ...] = ()
    """The planned changes in the order of waves; empty if nothing is written."""

    @property
    def reason(self) -> Reason:
        """The reason code of the decision."""
        return Reason(self.why.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """The condition that must be met before a wave (a group of planned changes) starts."""

    condition: str
    """A description of the condition; the code that performs the rollout checks it."""
    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A group of planned changes that start only after a condition (barrier) is met."""

    name: WaveName
    barrier: Barrier | None
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All decisions, ordered by object reference, and the planned changes in groups (waves)."""

    revision: str
    dirty: bool
    in_force: CommitInForce | None = None
    """Which commit is applied, and why; None if the plan is not from a commit."""
    cluster: str
    kubevirt: ObjectRef
    kubevirt_version: str
    observed_at: datetime
    decisions: tuple[Decision, ...]
    waves: tuple[Wave, ...]
    forecast: Forecast
    diagnostics: tuple[Diagnostic, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    hold: AlertHold | None = None
    """Why alerts paused the rollout when the plan was made; None if they did not."""
    digest: str = ""

    @property
    def applyable(self) -> bool:
        """Whether the plan contains changes to apply."""
        return bool(self.waves)

    @property
    def errored(self) -> bool:
        """Whether a part of the desired state is invalid; only the valid part is applied."""
        return any(each.severity is Severity.ERROR for each in self.diagnostics)

    @property
    def summary(self) -> dict[Effect, int]:
        """The number of objects per effect, in the order of the enum; zeros are omitted."""
        counts = dict.fromkeys(Effect, 0)
        for decision in self.decisions:
            counts[decision.effect] += 1
        return {effect: n for effect, n in counts.items() if n}
