"""``plan_with_base``: plans a commit and its base commit for one snapshot of the cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.app.read_and_plan import (
    HoldOf,
    PlanWithInputs,
    cluster_words,
    plan_against_cluster,
    read_valid,
)
from reconciler.model.desired.desired_state import DesiredState
from reconciler.model.plan.comparison import Comparison
from reconciler.plan.comparison_with_base import compare
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.planner import Planner

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.desired.config import Config
    from reconciler.model.desired.desired_state import Reading
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Plan
    from reconciler.ports import BaseReader, Clock, DesiredReader, LiveReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPlan:
    """A plan with its inputs, and its differences from the base commit's plan."""

    planned: PlanWithInputs
    comparison: Comparison


def plan_with_base(
    desired: DesiredReader,
    base: BaseReader,
    live: LiveReader,
    clock: Clock,
    policy_of: Callable[[Config], PlanPolicy],
    hold_of: HoldOf = lambda _matchers: None,
) -> ComparedPlan:
    """Plan a commit and its base commit for the same snapshot of the cluster.

    The base commit does not affect the plan of the commit. Objects that are equal in both
    commits are evaluated only once, unless a setting that concerns all objects differs.

    Raises:
        SourceError: The desired state or the base cannot be read.
        InvalidError: Nothing can be planned, because the configuration is invalid.
        WrongClusterError: The desired state is meant for another cluster.
        ClusterError: The cluster cannot be read.
    """
    reading = read_valid(desired)
    commit, earlier = base.read()
    planner = Planner()
    policy = policy_of(reading.config)
    snapshot, plan = plan_against_cluster(reading.state, live, policy, clock, planner, hold_of)
    against = policy_of(earlier.config)
    commit = replace(commit, unplanned=_obstacle(earlier, against, snapshot))
    state = earlier.state
    if commit.unplanned:
        # Without objects, the plan contains only the facts about the cluster.
        state, against = _without_objects(state), PlanPolicy(shard=policy.shard)
    before = _plan_of_base(planner, state, against, live)
    return ComparedPlan(
        planned=PlanWithInputs(
            config=reading.config, desired=reading.state, live=snapshot, policy=policy, plan=plan
        ),
        comparison=compare(
            commit,
            before=before,
            before_desired=earlier.state,
            after=plan,
            after_desired=reading.state,
            config_edited=earlier.config != reading.config,
        ),
    )


def _obstacle(base: Reading, policy: PlanPolicy, snapshot: LiveState) -> str:
    """Return why the base commit cannot be planned, or an empty string if it can be planned."""
    if base.state.unusable:
        return "its configuration is invalid"
    if policy.cluster and snapshot.cluster_id != policy.cluster:
        return f"its configuration is meant for {cluster_words(policy.cluster)}"
    return ""


def _without_objects(state: DesiredState) -> DesiredState:
    return DesiredState(
        revision=state.revision, kubevirt=None, vms={}, diagnostics=state.diagnostics
    )


def _plan_of_base(
    planner: Planner, state: DesiredState, policy: PlanPolicy, live: LiveReader
) -> Plan:
    """Plan the base commit for the same snapshot and time as the planned commit."""
    context = planner.context
    planner.update(
        state, context.live, policy, context.now, clocks=context.clocks, hold=context.hold
    )
    if not planner.needs_capacity():
        return planner.plan()
    # Only the base needs pods and quotas, so their problems are not a difference in Git.
    capacity = live.capacity()
    planner.add_capacity(capacity)
    plan = planner.plan()
    problems = capacity.diagnostics if capacity else ()
    kept = (each for each in plan.diagnostics if each not in problems)
    return replace(plan, diagnostics=tuple(kept))
