"""One run: settings wave by wave, then memory within the limits, followed to the end.

Level-triggered: each round looks at the newest snapshot, decides anew, and does what may be done
now. What it knows beyond the cluster and Git is only for its report.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.outcome import Result, RunReport
from reconciler.model.plan import Effect
from reconciler.model.progress import Step
from reconciler.plan.decide import Frame, frame
from reconciler.rollout import verdict
from reconciler.rollout.memory import MemoryWave
from reconciler.rollout.settings import SettingsWaves

if TYPE_CHECKING:
    from reconciler.model.desired import DesiredState
    from reconciler.model.live import LiveState
    from reconciler.model.outcome import Outcome
    from reconciler.model.plan import Plan
    from reconciler.plan.policy import PlanPolicy
    from reconciler.rollout.outside import Outside
    from reconciler.rollout.pacing import RolloutPolicy

ROUND_S = 1.0
"""The longest a round lasts, so that deadline, lease and signals are noticed in time."""


def run(
    plan: Plan,
    desired: DesiredState,
    choices: PlanPolicy,
    policy: RolloutPolicy,
    outside: Outside,
    *,
    run_id: str,
) -> RunReport:
    """Apply *plan* and follow it; the feed and the lease are open.

    Every write is decided again from the newest snapshot; *plan* says which objects take part.

    Raises:
        ClusterError: The API server's answer makes going on impossible, such as 401.
    """
    started = outside.clock.now()
    rollout = _Rollout(plan, desired, choices, policy, outside)
    message = rollout.follow() if plan.applyable or rollout.open else ""
    outcomes = rollout.outcomes(message)
    return RunReport(
        run_id=run_id,
        plan=plan,
        outcomes=outcomes,
        started_at=started,
        ended_at=outside.clock.now(),
        exit=verdict.exit_code(outcomes, lease_lost=rollout.lease_lost, valid=not plan.errored),
        message=message,
        counts=verdict.counts(outcomes),
    )


def touches(plan: Plan) -> bool:
    """Whether a run of *plan* may write, and so needs the lease."""
    return any(each.actions or each.effect is Effect.WAIT for each in plan.decisions)


class NoLease:
    """Stands in for a lease in a run that writes nothing."""

    def held(self) -> bool:
        """Nothing is written, so nothing has to be held."""
        return True


class _Rollout:
    def __init__(
        self,
        plan: Plan,
        desired: DesiredState,
        choices: PlanPolicy,
        policy: RolloutPolicy,
        outside: Outside,
    ) -> None:
        self.desired, self.choices, self.policy, self.outside = desired, choices, policy, outside
        self.settings = SettingsWaves(plan, policy, outside)
        self.memory = MemoryWave(plan, policy, outside)
        self.lease_lost = False
        self.errored = plan.errored

    @property
    def open(self) -> bool:
        """Whether anything is left to do or to follow."""
        return not self.errored and (self.settings.open or self.memory.open)

    def follow(self) -> str:
        """Go round until nothing is open; the sentence says why it ended before that."""
        clock = self.outside.clock
        began = clock.monotonic()
        live = self.outside.feed.current()
        while self.open:
            if self.outside.stopping():
                return "asked to end; what migrates goes on without us"
            spent = clock.monotonic() - began
            if self.policy.deadline_s is not None and spent >= self.policy.deadline_s:
                return "the deadline was reached; what migrates goes on without us"
            if not self.outside.lease.held():
                self.lease_lost = True
                return "the lease was lost; no new patch without it"
            given_up = self.settings.failed or self.settings.overdue
            self._round(live)
            idle = not self.settings.open and not self.memory.can_begin
            if given_up and idle and not self.memory.under_way:
                return "KubeVirt did not take its configuration up; what needs it was not begun"
            if not self.policy.follow and idle:
                return "not followed, as asked"
            if self.open:
                live = self.outside.feed.wait(self._pause(began))
        return ""

    def _round(self, live: LiveState) -> None:
        around = self._frame(self.settings.overlaid(self.memory.overlaid(live)))
        ready = self.settings.step(around)
        self.memory.step(around, may_begin=ready)

    def _frame(self, live: LiveState) -> Frame:
        around = frame(self.desired, live, self.choices, self.outside.clock.now())
        decided = around.kubevirt
        given_up = self.settings.failed and decided and decided.effect is Effect.CONFIG
        # A CR that would not change leaves memory to the regime that is in force.
        return replace(around, after=around.before) if given_up else around

    def _pause(self, began: float) -> float:
        if self.policy.deadline_s is None:
            return ROUND_S
        left = self.policy.deadline_s - (self.outside.clock.monotonic() - began)
        return max(0.0, min(ROUND_S, left))

    def outcomes(self, message: str) -> tuple[Outcome, ...]:
        """Close what is still open, and sum it all up."""
        if message:
            self.outside.tell(Step.ENDING, message)
        courses = [*self.settings.courses(), *self.memory.courses.values()]
        now = self.outside.clock.now()
        for course in courses:
            if not course.open:
                continue
            if course.begun:
                left_alone = not self.policy.follow and course.ref.kind == "VirtualMachine"
                result = Result.DONE if left_alone else Result.RUNNING
            elif course.latest.effect is Effect.WAIT:
                result = Result.HELD
            else:
                result = Result.NOT_STARTED
            course.end(result, course.latest.reason.value, course.latest.message, "", now)
        return tuple(course.outcome() for course in courses)
