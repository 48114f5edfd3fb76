"""One run: settings wave by wave, then memory within the limits, followed to the end.

Level-triggered: each round looks at the newest snapshot, decides anew, and does what may be done
now. What it knows beyond the cluster and Git is only for its report.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.errors import BackgroundError, BrokenOff, ClusterError
from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Actuation, ExitCode, Outcome, Result, RunReport
from reconciler.model.run.progress import Step
from reconciler.plan.planner import Planner
from reconciler.rollout import exit_code
from reconciler.rollout.limits import approval_check
from reconciler.rollout.limits.holds import CANARY_FAILED
from reconciler.rollout.waves.kubevirt_waves import SettingsWaves
from reconciler.rollout.waves.memory_wave import MemoryWave
from reconciler.rollout.writes.send import Writes

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.approval import Approval
    from reconciler.model.plan.plan import Plan
    from reconciler.plan.plan_policy import PlanPolicy
    from reconciler.rollout.rollout_policy import RolloutPolicy
    from reconciler.rollout.run_context import Outside
    from reconciler.rollout.tracking.tracked_object import TrackedObject

ROUND_S = 1.0
"""The longest a round lasts, so that deadline, lease and signals are noticed in time."""
BROKEN_OFF = "asked to end; the last request was broken off and its answer is not known"


def run(
    plan: Plan,
    desired: DesiredState,
    choices: PlanPolicy,
    policy: RolloutPolicy,
    outside: Outside,
    *,
    run_id: str,
) -> RunReport:
    """Apply *plan* and follow it; the informer and the lease are open.

    Every write is decided again from the newest snapshot; *plan* says which objects take part.

    An answer of the API server that makes going on impossible, such as 401, ends the run with
    a report as well: what was written until then is in it.
    """
    started = outside.clock.now()
    rollout = _Rollout(plan, desired, choices, policy, outside)
    error = None
    try:
        with outside.breakable():
            message = rollout.follow() if plan.applyable or rollout.open else ""
    except BrokenOff:
        message = BROKEN_OFF
        rollout.abandon_if_in_doubt()
    except ClusterError as found:
        error, message = found, f"ended by an error: {found}"
        if isinstance(found, BackgroundError):
            rollout.abandon_if_in_doubt()
    outcomes = (*rollout.outcomes(message), *_unnamed(plan, choices, policy.approval))
    code = exit_code.exit_code(outcomes, lease_lost=rollout.lease_lost, valid=not plan.errored)
    return RunReport(
        run_id=run_id,
        plan=plan,
        outcomes=outcomes,
        started_at=started,
        ended_at=outside.clock.now(),
        exit=ExitCode.ERROR if error else code,
        message=message,
        counts=exit_code.counts(outcomes),
    )


def _unnamed(plan: Plan, choices: PlanPolicy, approval: Approval | None) -> tuple[Outcome, ...]:
    """What was approved for objects that Git no longer names."""
    named = {each.ref for each in plan.decisions}
    actions = approval.actions if approval else {}
    return tuple(
        Outcome(
            ref=ref,
            effect=approved[0].effect,
            actuation=Actuation.SKIPPED,
            result=Result.STALE,
            reason=approval_check.STALE,
            message=f"approved: {approved[0].effect} ({approved[0].reason}); now: Git at "
            f"{plan.revision} does not name it",
            hint=approval_check.HINT,
        )
        for ref, approved in actions.items()
        if ref not in named and choices.shard.holds(ref.namespace)
    )


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
        self.planner = Planner()
        self.writes = Writes(outside, revision=plan.revision, annotate=policy.annotate)
        self.settings = SettingsWaves(plan, policy, outside, self.writes)
        self.memory = MemoryWave(plan, policy, outside, self.writes)
        self.lease_lost = False
        self.ready = False
        """Whether the CR is as memory needs it."""
        self.stuck = False
        """Whether the run ended because nothing that is left can begin before its end."""
        self.errored = plan.errored

    @property
    def open(self) -> bool:
        """Whether anything is left to do or to follow."""
        return not self.errored and (self.settings.open or self.memory.open)

    @property
    def in_doubt(self) -> bool:
        """Whether a write was sent that was not answered yet."""
        courses = (*self.settings.courses(), *self.memory.courses.values())
        return any(each.unanswered_at is not None for each in courses)

    def abandon_if_in_doubt(self) -> None:
        """Let the leases run out where a request that was sent may still be carried out."""
        if self.in_doubt:
            self.outside.config_lease.abandon()
            self.outside.memory_lease.abandon()

    def follow(self) -> str:
        """Go round until nothing is open; the sentence says why it ended before that."""
        began = self.outside.clock.monotonic()
        live = self.outside.informer.read()
        while self.open:
            ended = self._interrupted(began)
            if ended:
                return ended
            given_up = self.settings.failed or self.settings.overdue
            self._round(live)
            ended = self._resting(began, given_up=given_up)
            if ended:
                return ended
            if self.open:
                live = self.outside.informer.wait(self._pause(began))
        return ""

    def _interrupted(self, began: float) -> str:
        """Why no round may begin; empty where one may."""
        if self.outside.stopping():
            return "asked to end; what migrates goes on without us"
        if self._left(began) <= 0:
            return "the deadline was reached; what migrates goes on without us"
        if not self.outside.held():
            self.lease_lost = True
            return "the lease was lost; no new patch without it"
        return ""

    def _resting(self, began: float, *, given_up: bool) -> str:
        """Why another round would change nothing; empty where it may.

        Raises:
            ClusterError: The API server has not answered writes for too long.
        """
        clock, patience = self.outside.clock, self.writes.patience
        if patience.error is not None and patience.spent(clock.monotonic()):
            raise patience.error
        idle = not self.settings.open and not self.memory.can_begin
        unready = not self.settings.open and not self.ready
        if given_up and (idle or unready) and not self.memory.under_way:
            return "KubeVirt did not take its configuration up; what needs it was not begun"
        if not self.policy.follow and idle:
            return "not followed, as asked"
        self.stuck = self._stuck(clock.now() + timedelta(seconds=self._left(began)))
        return "nothing more can begin now" if self.stuck else ""

    def _stuck(self, ends: datetime) -> bool:
        """Whether all that is left is held back for longer than this run lasts."""
        if self.memory.under_way:
            return False
        if self.settings.open:
            return self.settings.hold is not None
        holds = self.memory.holds.values()
        if any(each.closed for each in holds):
            return True
        if not self.memory.held_back:
            return False
        lifts = [each.until for each in holds if each.until and not each.final]
        return not lifts or min(lifts) > ends

    def _left(self, began: float) -> float:
        """Seconds until the deadline; a year where there is none."""
        if self.policy.deadline_s is None:
            return 365 * 86400.0
        return self.policy.deadline_s - (self.outside.clock.monotonic() - began)

    def _round(self, live: LiveState) -> None:
        context = self.planner.update(
            self.desired,
            self.settings.overlaid(self.memory.overlaid(live)),
            self.choices,
            self.outside.clock.now(),
            kubevirt_stays=self.settings.failed,
        )
        self.ready = self.settings.step(context)
        self.memory.step(self.planner, may_begin=self.ready)

    def _pause(self, began: float) -> float:
        return max(0.0, min(ROUND_S, self._left(began)))

    def outcomes(self, message: str) -> tuple[Outcome, ...]:
        """Close what is still open, and sum it all up."""
        if message:
            self.outside.tell(Step.ENDING, message)
        courses = [*self.settings.courses(), *self.memory.courses.values()]
        now = self.outside.clock.now()
        for course in courses:
            if course.open:
                self._close(course, now)
        return tuple(course.outcome() for course in courses)

    def _close(self, course: TrackedObject, now: datetime) -> None:
        """End what the run leaves open."""
        latest, hold = course.latest, course.hold or self.settings.hold
        if course.begun:
            left_alone = not self.policy.follow and course.ref.kind == "VirtualMachine"
            result = Result.DONE if left_alone else Result.RUNNING
        elif course.in_doubt:
            message = f"the answer to its last write is not known: {latest.message}"
            course.end(Result.RUNNING, latest.reason.value, message, "", now)
            return
        elif latest.effect is Effect.WAIT:
            result = Result.HELD
        elif hold is not None:
            result = Result.HELD if self.stuck else hold.result
            if hold.reason == CANARY_FAILED:
                result = hold.result
            course.end(result, hold.reason, hold.message, hold.hint, now)
            return
        else:
            result = Result.NOT_STARTED
        course.end(result, latest.reason.value, latest.message, "", now)
