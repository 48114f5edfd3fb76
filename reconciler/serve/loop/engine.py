"""``Engine``: keeps the plan of one cluster up to date as Git and the cluster change.

An informer keeps the cluster state current. The engine itself requests only pods and quotas
from the API server, and only when the decision about a VM depends on them. A background thread
sends these requests. A plan waits some seconds for the first pods and quotas, and for new ones if
the known ones are very old. If no new ones arrive, the plan uses the known ones and states their
age. The engine cannot write to the cluster.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reconciler.app.read_and_plan import PlanWithInputs, clock_difference, require_cluster
from reconciler.plan.capacity.capacity_age import with_capacity_age
from reconciler.plan.planner import Planner

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from reconciler.errors import ClusterError
    from reconciler.model.desired.config import Config
    from reconciler.model.desired.desired_state import Reading
    from reconciler.model.live.live_state import LiveState
    from reconciler.plan.plan_policy import PlanPolicy
    from reconciler.ports import Alerts, Clock, Informer

CAPACITY_AGE_S = 60.0
"""The age in seconds after which pods and quotas are read again."""
OLDEST_CAPACITY_S = 300.0
"""The age in seconds of pods and quotas above which a plan waits for new data."""
CAPACITY_WAIT_S = 5.0
"""The maximum time in seconds that a plan waits for newer pods and quotas."""
FIRST_CAPACITY_WAIT_S = 20.0
"""The maximum time in seconds that a plan waits for the first pods and quotas."""


class Engine:
    """Keeps the plan of one cluster up to date.

    Args:
        informer: Keeps the cluster state up to date; stays open as long as the engine is used.
        clock: Returns the time at which plans are made.
        policy_of: Returns the policy that results from a configuration.
        alerts: Reads the alerts that ``rollout.holdWhile`` selects.
    """

    def __init__(
        self,
        informer: Informer,
        clock: Clock,
        policy_of: Callable[[Config], PlanPolicy],
        alerts: Alerts,
    ) -> None:
        self._alerts = alerts
        self._informer, self._clock = informer, clock
        self._policy_of = policy_of
        self._planner = Planner()
        self._reading: Reading | None = None

    @property
    def decided(self) -> int:
        """The number of VMs that the last plan evaluated; the plan reused all other decisions."""
        return self._planner.decided

    @property
    def reading(self) -> Reading | None:
        """The desired state for which plans are made, or None before the first call to ``use``."""
        return self._reading

    def use(self, reading: Reading) -> None:
        """Use a new desired state for all later plans."""
        self._reading = reading

    def outage(self) -> tuple[datetime, ClusterError] | None:
        """Return the start and the last error of an API server outage, or None.

        During an outage, plans use the last known cluster state for some time.
        """
        return self._informer.outage()

    def plan(self) -> PlanWithInputs:
        """Return the current plan and its inputs; the plan equals a plan computed from scratch.

        Raises:
            ValueError: ``use`` was never called.
            WrongClusterError: The desired state is meant for another cluster.
            ClusterError: The API server has not responded for too long, or the plan needs pods
                and quotas that were never read.
        """
        if self._reading is None:
            raise ValueError("call use() with a desired state before plan()")
        reading = self._reading
        policy = self._policy_of(reading.config)
        live = self._informer.read()
        require_cluster(live, policy)
        self._planner.update(
            reading.state,
            live,
            policy,
            self._clock.now(),
            clocks=clock_difference(self._clock),
            hold=self._alerts.hold(policy.hold_while),
        )
        plan = self._planner.plan()
        age_s = self._capacity_age_s(live)
        if age_s > CAPACITY_AGE_S and self._planner.capacity_mattered:
            capacity = self._informer.refresh_capacity(_wait_s(age_s))
            if age_s > OLDEST_CAPACITY_S and capacity is not live.capacity:
                self._planner.add_capacity(capacity)
                plan = self._planner.plan()
            if capacity is not None:
                plan = with_capacity_age(plan, capacity, self._clock.now(), OLDEST_CAPACITY_S)
        return PlanWithInputs(
            config=reading.config,
            desired=reading.state,
            live=self._planner.context.live,
            policy=policy,
            plan=plan,
            history=reading.history,
        )

    def _capacity_age_s(self, live: LiveState) -> float:
        if live.capacity is None:
            return math.inf
        return (self._clock.now() - live.capacity.observed_at).total_seconds()


def _wait_s(age_s: float) -> float:
    """Return how long, in seconds, to wait for new pods and quotas, given the age of the data."""
    if age_s == math.inf:
        return FIRST_CAPACITY_WAIT_S
    return CAPACITY_WAIT_S if age_s > OLDEST_CAPACITY_S else 0.0
