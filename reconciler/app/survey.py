"""Reads what is desired and what is live, and asks for the plan: no writer in reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.errors import InvalidError, WrongClusterError
from reconciler.model.desired.config import Config
from reconciler.model.desired.desired_state import DesiredState, Reading
from reconciler.model.diagnostic import Severity
from reconciler.model.live.live_state import LiveState
from reconciler.model.plan.plan import Plan
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.planner import Planner

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.ports import Clock, DesiredReader, LiveReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """One look at both sides, and what follows from it."""

    config: Config
    desired: DesiredState
    live: LiveState
    policy: PlanPolicy
    plan: Plan


def read_valid(reader: DesiredReader) -> Reading:
    """The desired state and its configuration.

    Raises:
        SourceError: It cannot be read.
        InvalidError: It can, and says something that is wrong; every finding is in it.
    """
    reading = reader.read()
    if reading.state.valid:
        return reading
    found = reading.state.diagnostics
    errors = sum(1 for each in found if each.severity is Severity.ERROR)
    text = f"{errors} error{'s' if errors > 1 else ''} in the desired state at "
    raise InvalidError(f"{text}{reading.state.revision}; nothing was planned", found)


def survey(
    desired: DesiredReader,
    live: LiveReader,
    clock: Clock,
    consents: Callable[[Config], PlanPolicy],
) -> Survey:
    """The plan of one revision against one snapshot.

    The desired state is read first: while it is invalid, the cluster is not asked.

    Raises:
        SourceError: The desired state cannot be read.
        InvalidError: The desired state is invalid.
        WrongClusterError: It is meant for another cluster.
        ClusterError: The cluster cannot be read.
    """
    reading = read_valid(desired)
    policy = consents(reading.config)
    snapshot, plan = decided(reading.state, live, policy, clock)
    return Survey(
        config=reading.config,
        desired=reading.state,
        live=snapshot,
        policy=policy,
        plan=plan,
    )


def decided(
    desired: DesiredState, live: LiveReader, policy: PlanPolicy, clock: Clock
) -> tuple[LiveState, Plan]:
    """The plan, and the snapshot it was made from.

    Pods and quotas are read only if a VM would migrate or does.

    Raises:
        ClusterError: The cluster cannot be read.
    """
    snapshot = live.read()
    refuse_another_cluster(snapshot, policy)
    planner = Planner()
    planner.update(desired, snapshot, policy, clock.now())
    if planner.needs_capacity():
        planner.add_capacity(live.capacity())
    return planner.context.live, planner.plan()


def refuse_another_cluster(live: LiveState, policy: PlanPolicy) -> None:
    """Nothing, where *live* is the cluster that *policy* names, or where it names none.

    Raises:
        WrongClusterError: It is another one.
    """
    if not policy.cluster or live.cluster_id == policy.cluster:
        return
    found = live.cluster_id or "one that does not tell its id"
    raise WrongClusterError(
        f"the desired state is meant for cluster {policy.cluster}, and this is {found}",
        hint="check the context, or `cluster` in .reconciler.yaml",
    )
