"""Keeps a plan up to date: what Git says now, against an index that watches keep current.

Asks the API server for nothing but pods and quotas, and those only when a VM is judged by them.
They are read before the first such plan; later plans go by what is known of them, and have them
read anew beside it when that is old. Holds no writer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reconciler.app.survey import Survey, read_valid, refuse_another_cluster
from reconciler.plan.planner import Planner

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.desired.config import Config
    from reconciler.model.desired.desired_state import Reading
    from reconciler.model.live.live_state import LiveState
    from reconciler.plan.plan_policy import PlanPolicy
    from reconciler.ports import Clock, DesiredReader, Informer

CAPACITY_AGE_S = 60.0
"""How old pods and quotas may be before they are read anew."""
OLDEST_CAPACITY_S = 300.0
"""How old they may be for a plan: no plan is made by older ones."""


class Engine:
    """One cluster's.

    Args:
        desired: Read by ``pull``.
        informer: Open, for as long as the engine is used.
        clock: What ages are reckoned by.
        consents: What a configuration consents to.
    """

    def __init__(
        self,
        desired: DesiredReader,
        informer: Informer,
        clock: Clock,
        consents: Callable[[Config], PlanPolicy],
    ) -> None:
        self._desired, self._informer, self._clock = desired, informer, clock
        self._consents = consents
        self._planner = Planner()
        self._reading: Reading | None = None

    @property
    def decided(self) -> int:
        """How many VMs were decided anew for the last plan."""
        return self._planner.decided

    def pull(self) -> None:
        """Read what Git says now; what was read before stays in force where that fails.

        Raises:
            SourceError: It cannot be read.
            InvalidError: It can, and says something that is wrong.
        """
        self._reading = read_valid(self._desired)

    def plan(self) -> Survey:
        """The plan as of now, equal to one from scratch.

        Raises:
            SourceError: Git was never read before, and cannot be.
            InvalidError: The same, and what it says is wrong.
            WrongClusterError: What Git says is meant for another cluster.
            ClusterError: The cluster was not heard of for too long, or pods and quotas are
                needed and cannot be read.
        """
        if self._reading is None:
            self.pull()
            return self.plan()
        reading = self._reading
        policy = self._consents(reading.config)
        live = self._informer.read()
        refuse_another_cluster(live, policy)
        self._planner.update(reading.state, live, policy, self._clock.now())
        plan = self._planner.plan()
        age_s = self._capacity_age_s(live)
        if age_s > CAPACITY_AGE_S and self._planner.capacity_mattered:
            if age_s <= OLDEST_CAPACITY_S:
                self._informer.refresh_capacity()
            elif (capacity := self._informer.capacity()) is not None:
                self._planner.add_capacity(capacity)
                plan = self._planner.plan()
        return Survey(
            config=reading.config,
            desired=reading.state,
            live=self._planner.context.live,
            policy=policy,
            plan=plan,
        )

    def _capacity_age_s(self, live: LiveState) -> float:
        if live.capacity is None:
            return math.inf
        return (self._clock.now() - live.capacity.observed_at).total_seconds()
