"""``ServiceView``: everything that the page, the API, the metrics and notifications show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.model.alerts.alert_hold import AlertHold
from reconciler.model.desired.config import Config, Mode
from reconciler.model.desired.desired_state import DesiredState
from reconciler.model.live.live_state import LiveState
from reconciler.model.plan.plan import Plan
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import ObjectRef
from reconciler.model.revision.commit_in_force import CommitInForce
from reconciler.model.run.outcome import RunReport
from reconciler.model.run.progress import Progress
from reconciler.model.service.notification import NotificationRecord


class Role(StrEnum):
    """Whether this replica may write to the cluster and send notifications."""

    LEADER = "leader"
    STANDBY = "standby"
    """Another replica holds the Lease; this replica only reads and shows the page."""


class WaitKind(StrEnum):
    """The things for which ``serve`` can wait; ``/readyz`` shows them."""

    FIRST_PLAN = "first-plan"
    """The process has just started and has not made a plan yet."""
    LEADERSHIP = "leadership"
    REPOSITORY = "repository"
    CLUSTER = "cluster"
    VALID_COMMIT = "valid-commit"
    """No commit of the branch may be applied."""
    ROLLOUT_LEASE = "rollout-lease"
    """Another run is writing, such as a manual ``apply``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Something that ``serve`` waits for, such as the API server."""

    kind: WaitKind
    since: datetime
    message: str
    """What happened, without credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """The last reads of the Git repository."""

    address: str
    """The repository's address without credentials."""
    revision: str
    """The branch, tag or hash that is read."""
    in_force: CommitInForce | None = None
    """The commit that is applied, with rejected newer commits; None before the first read."""
    fetched_at: datetime | None = None
    """The time of the last successful read."""
    attempted_at: datetime | None = None
    next_at: datetime | None = None
    """The time of the next poll, if no webhook arrives before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """One plan of the history; consecutive plans with the same digest and commit count as one."""

    at: datetime
    revision: str
    digest: str
    summary: Mapping[str, int]
    """The number of objects per effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VMChange:
    """One change of a VM's memory that this process made or followed."""

    run_id: str
    revision: str
    """The commit that the change came from."""
    at: datetime
    before: MemoryQuantity | None
    after: MemoryQuantity | None
    result: str
    reason: str
    seconds: float | None = None
    """The number of seconds from the patch until the guest had its memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRun:
    """The run that is writing to the cluster now."""

    run_id: str
    plan: Plan
    started_at: datetime
    progress: Mapping[ObjectRef, Progress] = field(default_factory=dict)
    """The last reported step of each object."""
    message: str = ""
    """The last reported step that concerns the whole run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRun:
    """When the next run starts, unless something changes before."""

    at: datetime
    why: str
    """Why the run does not start at once; empty if it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """The state of one ``serve`` process at one moment."""

    instance: str
    """The name of this process, which is the holder's name in the leases."""
    version: str
    started_at: datetime
    at: datetime
    """The time of the last change of this view."""
    lease: str = "memory-reconciler-serve"
    """The name of the Lease by which one of several replicas leads."""
    shard: int = 0
    """The number of the shard, from 0, if several processes share the cluster."""
    role: Role = Role.STANDBY
    leader: str = ""
    """The name of the leading process; empty if there is none or it is unknown."""
    mode: Mode = Mode.OBSERVE
    source: SourceView
    waits: tuple[Wait, ...] = ()
    """What the process waits for; empty if it is ready."""
    config: Config | None = None
    live: LiveState | None = None
    """The snapshot from which ``plan`` was made; None before the first plan."""
    desired: DesiredState | None = None
    """The desired state from which ``plan`` was made; None before the first plan."""
    plan: Plan | None = None
    """The newest plan; None before the first plan."""
    planned_at: datetime | None = None
    next_run: NextRun | None = None
    """None while a run is active, and if there is nothing to write or this process may not."""
    run: ActiveRun | None = None
    runs: tuple[RunReport, ...] = ()
    """The reports of the last runs, the newest first."""
    plans: tuple[PlanRecord, ...] = ()
    """The last plans, the newest first."""
    changes: Mapping[ObjectRef, tuple[VMChange, ...]] = field(default_factory=dict)
    """The last changes of each VM, the newest first."""
    restart_since: Mapping[ObjectRef, datetime] = field(default_factory=dict)
    """Since when each VM waits for a restart, as far as this process has seen it."""
    hold: AlertHold | None = None
    last_pass_at: datetime | None = None
    """The end of the last run that completed, or the last plan with nothing to start now."""
    last_success_at: datetime | None = None
    """As ``last_pass_at``, but of the last pass without a failed or invalid object."""
    notifications: tuple[NotificationRecord, ...] = ()
    """The last notifications that this process sent, with their deliveries, the newest first."""
    history_since: datetime
    """The time at which the history of this process starts."""

    @property
    def ready(self) -> bool:
        """Whether the process has a plan and can read the repository and the cluster.

        A standby replica is ready, because it shows the page.
        """
        blocking = {WaitKind.FIRST_PLAN, WaitKind.REPOSITORY, WaitKind.CLUSTER}
        return not any(each.kind in blocking for each in self.waits)
