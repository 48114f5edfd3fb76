"""``read_and_plan``: computes a plan from the desired state and the live state, without writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from reconciler.errors import ClocksDifferError, InvalidError, WrongClusterError
from reconciler.model.alerts.alert_hold import AlertHold
from reconciler.model.alerts.alert_matcher import AlertMatcher
from reconciler.model.clock_difference import CLOCKS_DIFFER, ClockDifference
from reconciler.model.desired.config import Config
from reconciler.model.desired.desired_state import DesiredState, Reading
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.live_state import LiveState
from reconciler.model.live.snapshot_age import age_warning
from reconciler.model.phrases import plural
from reconciler.model.plan.plan import Plan
from reconciler.model.references import Location
from reconciler.model.revision.commit_in_force import History
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.planner import Planner

if TYPE_CHECKING:
    from reconciler.ports import Clock, DesiredReader, LiveReader


HoldOf: TypeAlias = Callable[[tuple[AlertMatcher, ...]], AlertHold | None]
"""A function that returns why firing alerts pause new changes, or None if no alert does."""
_ALERTS_NOT_READ = Diagnostic(
    severity=Severity.NOTE,
    code="alerts-not-read",
    message="rollout.holdWhile pauses new changes while one of its alerts fires, but this plan "
    "was made without reading the alerts",
    hint="set --prometheus-url to show the firing alerts",
)
_UNBOUND = Diagnostic(
    severity=Severity.WARNING,
    code="unbound",
    message="the run has no configuration, so it has no maintenance windows, canaries or batches, "
    "accepts any cluster, and does not create or restart VMs",
    hint="set --config FILE, or add a document of kind Config to the manifests",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWithInputs:
    """A plan, together with the desired state and the live state from which it was computed."""

    config: Config
    desired: DesiredState
    live: LiveState
    policy: PlanPolicy
    plan: Plan
    history: History | None = None
    """The commit history of the planned revision, or None if the source is not a commit."""


def read_and_plan(
    desired: DesiredReader,
    live: LiveReader,
    clock: Clock,
    policy_of: Callable[[Config], PlanPolicy],
    hold_of: HoldOf = lambda _matchers: None,
) -> PlanWithInputs:
    """Compute the plan for a revision of the desired state and a snapshot of the cluster.

    The desired state is read first, so that an invalid configuration causes no request to the
    cluster. *policy_of* returns the policy that results from a configuration. *hold_of* returns
    why the alerts that Git names pause new changes; the plan contains this reason.

    Raises:
        SourceError: The desired state cannot be read.
        InvalidError: Nothing can be planned, because the configuration is invalid.
        WrongClusterError: The desired state is meant for another cluster.
        ClusterError: The cluster cannot be read.
    """
    reading = read_valid(desired)
    if not reading.bound:
        diagnostics = (*reading.state.diagnostics, _UNBOUND)
        reading = replace(reading, state=replace(reading.state, diagnostics=diagnostics))
    policy = policy_of(reading.config)
    snapshot, plan = plan_against_cluster(reading.state, live, policy, clock, hold_of=hold_of)
    return PlanWithInputs(
        config=reading.config,
        desired=reading.state,
        live=snapshot,
        policy=policy,
        plan=plan,
        history=reading.history,
    )


def plan_of_snapshot(planned: PlanWithInputs, clock: Clock) -> Plan:
    """Return the plan, with a warning if the cluster snapshot file is too old."""
    plan, config = planned.plan, planned.config
    origin = config.origin("snapshotMaxAge")
    at = origin if isinstance(origin, Location) else None
    warning = age_warning(plan.observed_at, clock.now(), config.snapshot_max_age, at)
    return plan if warning is None else replace(plan, diagnostics=(warning, *plan.diagnostics))


def with_alert_note(plan: Plan, config: Config) -> Plan:
    """Return the plan, with a note if alerts that were not read could delay its changes."""
    if not config.hold_while or not plan.applyable:
        return plan
    return replace(plan, diagnostics=(*plan.diagnostics, _ALERTS_NOT_READ))


def read_valid(reader: DesiredReader) -> Reading:
    """Read the desired state and its configuration.

    Raises:
        SourceError: The desired state or its configuration cannot be read.
        InvalidError: The configuration is invalid, or no manifest was read. The error contains
            every reported problem. An invalid manifest does not raise this error; only the object
            of that manifest stays unchanged.
    """
    reading = reader.read()
    if not reading.state.unusable:
        return reading
    found = reading.state.diagnostics
    errors = plural(sum(each.severity is Severity.ERROR for each in found), "error")
    revision = reading.state.revision
    raise InvalidError(f"{errors} in the desired state at {revision}; nothing was planned", found)


def plan_against_cluster(
    desired: DesiredState,
    live: LiveReader,
    policy: PlanPolicy,
    clock: Clock,
    planner: Planner | None = None,
    hold_of: HoldOf = lambda _matchers: None,
) -> tuple[LiveState, Plan]:
    """Read the cluster and compute a plan; return the cluster snapshot and the plan.

    Pods and quotas are read only if a VM is migrating or would migrate. *planner* keeps the
    decisions, so that its next plan can reuse them. *hold_of* returns why alerts pause new
    changes.

    Raises:
        WrongClusterError: *policy* is for another cluster.
        ClusterError: The cluster cannot be read.
    """
    snapshot = live.read()
    require_cluster(snapshot, policy)
    planner = planner or Planner()
    planner.update(
        desired,
        snapshot,
        policy,
        clock.now(),
        clocks=clock_difference(clock),
        hold=hold_of(policy.hold_while),
    )
    if planner.needs_capacity():
        planner.add_capacity(live.capacity())
    return planner.context.live, planner.plan()


def require_cluster(live: LiveState, policy: PlanPolicy) -> None:
    """Check that the live state comes from the required cluster, if the policy requires one.

    Raises:
        WrongClusterError: *live* comes from another cluster.
    """
    if not policy.cluster or live.cluster_id == policy.cluster:
        return
    raise WrongClusterError(
        f"the desired state is meant for {cluster_words(policy.cluster)}, but the live state "
        f"comes from {cluster_words(live.cluster_id)}",
        hint="check --context, and `cluster` in .reconciler.yaml",
    )


def cluster_words(cluster_id: str) -> str:
    """Describe a cluster in a message; an empty ID means that the ID is unreadable."""
    return f"cluster {cluster_id}" if cluster_id else "a cluster whose ID cannot be read"


@runtime_checkable
class _Compared(Protocol):
    """A clock that measures its difference from the API server's clock."""

    def difference(self) -> ClockDifference | None:
        """Return the times of the two clocks if they differ by several minutes, else None."""
        ...


def clock_difference(clock: Clock) -> ClockDifference | None:
    """Compare the API server's time with the time of this machine.

    Return both times if they differ by several minutes, and None otherwise.
    """
    return clock.difference() if isinstance(clock, _Compared) else None


def require_agreeing_clocks(plan: Plan) -> None:
    """Check that the API server's clock and the local clock agree about maintenance windows.

    Raises:
        ClocksDifferError: *plan* has a warning that the clocks disagree.
    """
    for each in plan.diagnostics:
        if each.code == CLOCKS_DIFFER:
            raise ClocksDifferError(each.message, hint=each.hint)
