"""``ServiceView``: the state of ``serve`` that its pages, API, metrics and notifications show."""

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
    """Whether this replica writes to the cluster and sends notifications."""

    LEADER = "leader"
    STANDBY = "standby"
    """Another replica holds the Lease; this replica only reads and serves status pages."""


class WaitKind(StrEnum):
    """What ``serve`` can wait for; ``ServiceView.ready`` depends on some of these conditions."""

    FIRST_PLAN = "first-plan"
    """The process has just started and has not made a plan yet."""
    LEADERSHIP = "leadership"
    REPOSITORY = "repository"
    CLUSTER = "cluster"
    VALID_COMMIT = "valid-commit"
    """No commit of the branch passes all checks, such as the signature check."""
    FRESH_COMMIT = "fresh-commit"
    """A new leader must read Git before it starts a run, because its commit might be outdated."""
    ROLLOUT_LEASE = "rollout-lease"
    """Another run, such as a manual ``apply``, is writing to the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Something that ``serve`` waits for, such as the API server."""

    kind: WaitKind
    since: datetime
    message: str
    """Why the process waits, without credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """The results of the last polls of the Git repository."""

    address: str
    """The repository's URL without credentials."""
    revision: str
    """The branch, tag or commit hash that ``serve`` reads."""
    in_force: CommitInForce | None = None
    """The applied commit and rejected newer commits; None before the first poll."""
    fetched_at: datetime | None = None
    """The time of the last successful poll of the Git repository."""
    attempted_at: datetime | None = None
    next_at: datetime | None = None
    """The time of the next poll, unless a webhook request arrives earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """One plan in the history; consecutive plans with the same digest and commit count as one."""

    at: datetime
    revision: str
    digest: str
    summary: Mapping[str, int]
    """The number of objects by planned effect (live, by a restart, …)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VMChange:
    """One memory change of a VM that this process made or observed."""

    run_id: str
    revision: str
    """The commit that caused the memory change."""
    at: datetime
    before: MemoryQuantity | None
    after: MemoryQuantity | None
    result: str
    reason: str
    seconds: float | None = None
    """The number of seconds from the patch until the guest had its new memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRun:
    """The run that is currently writing to the cluster."""

    run_id: str
    plan: Plan
    started_at: datetime
    progress: Mapping[ObjectRef, Progress] = field(default_factory=dict)
    """The last reported step of each object."""
    message: str = ""
    """The last reported step that concerns the whole run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRun:
    """When the next run starts, unless a change in Git or in the cluster starts it earlier."""

    at: datetime
    why: str
    """Why the next run does not start immediately; empty if it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """The state of one ``serve`` process at one moment."""

    instance: str
    """The name with which this process holds Leases (``holderIdentity``)."""
    version: str
    started_at: datetime
    at: datetime
    """The time at which this state of the process last changed."""
    lease: str = "memory-reconciler-serve"
    """The name of the Lease that elects the leader of several replicas."""
    shard: int = 0
    """The number of the shard, from 0, if several processes share the cluster."""
    role: Role = Role.STANDBY
    leader: str = ""
    """The name of the leading replica; empty if no replica leads or its name is unknown."""
    mode: Mode = Mode.OBSERVE
    source: SourceView
    waits: tuple[Wait, ...] = ()
    """What the process currently waits for."""
    config: Config | None = None
    live: LiveState | None = None
    """The snapshot from which ``plan`` was made; None before the first plan."""
    desired: DesiredState | None = None
    """The desired state from which ``plan`` was made; None before the first plan."""
    plan: Plan | None = None
    """The newest plan; None before the first plan."""
    planned_at: datetime | None = None
    next_run: NextRun | None = None
    """The start of the next run; None if a run is active or no run is needed or allowed."""
    run: ActiveRun | None = None
    runs: tuple[RunReport, ...] = ()
    """The reports of the last runs, newest first."""
    plans: tuple[PlanRecord, ...] = ()
    """The history of plans, newest first."""
    changes: Mapping[ObjectRef, tuple[VMChange, ...]] = field(default_factory=dict)
    """The last memory changes of each VM, newest first."""
    restart_since: Mapping[ObjectRef, datetime] = field(default_factory=dict)
    """When this process first noticed that a VM waits for a restart, by VM."""
    hold: AlertHold | None = None
    last_pass_at: datetime | None = None
    """The end of the last completed run, or the time of the last plan that starts no run."""
    last_success_at: datetime | None = None
    """The end of the last successful run, or the time of the last plan that starts no run.

    A plan with an error does not count.
    """
    notifications: tuple[NotificationRecord, ...] = ()
    """The last notifications of this process with their deliveries, newest first."""
    history_since: datetime
    """When this process started to record its history of plans and runs."""

    @property
    def ready(self) -> bool:
        """Whether the process has a plan and can read the repository and the cluster.

        A standby replica is ready, because it serves the status pages.
        """
        blocking = {WaitKind.FIRST_PLAN, WaitKind.REPOSITORY, WaitKind.CLUSTER}
        return not any(each.kind in blocking for each in self.waits)
