"""``run``: applies a plan, first to the KubeVirt CR in steps, then to the VMs' memory.

The run is level-triggered: each round reads the newest snapshot, plans again, and sends the writes
that are allowed now. State that is neither in the cluster nor in Git is used only for the report.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.errors import BackgroundError, BrokenOff, ClusterError
from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Decision, Effect
from reconciler.model.run.outcome import ExitCode, Result, RunReport
from reconciler.model.run.progress import Step
from reconciler.plan.planner import Planner
from reconciler.rollout.exit_code import exit_code
from reconciler.rollout.limits import approval_check
from reconciler.rollout.limits.holds import CANARY_FAILED
from reconciler.rollout.tracking.build_outcome import build_outcome, untracked_outcome
from reconciler.rollout.tracking.close_object import ObjectCloser
from reconciler.rollout.tracking.tracked_object import Cause, FinalResult, as_decided
from reconciler.rollout.waves.kubevirt_waves import KubeVirtWaves
from reconciler.rollout.waves.memory_wave import MemoryWave
from reconciler.rollout.writes.send_and_handle_answer import Writes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.approval import Approval
    from reconciler.model.plan.plan import Plan
    from reconciler.model.run.outcome import Outcome
    from reconciler.plan.plan_policy import PlanPolicy
    from reconciler.rollout.rollout_policy import RolloutPolicy
    from reconciler.rollout.run_context import RunContext
    from reconciler.rollout.tracking.tracked_object import TrackedObject

log = logging.getLogger(__name__)

ROUND_S = 1.0
"""The maximum length of a round in seconds; before each round, the run checks its deadline."""
BROKEN_OFF = (
    "a signal ended the run; the last API request was interrupted, so its result is unknown"
)
_CONTINUES = "running migrations continue"
_NOT_FOLLOWED = Explanation(
    reason="no-wait",
    message="the size is written; the run did not wait for the guest because of --no-wait",
    hint="run `reconciler status` to see whether the guest has its new memory",
)


def run(
    plan: Plan,
    desired: DesiredState,
    choices: PlanPolicy,
    policy: RolloutPolicy,
    context: RunContext,
    *,
    run_id: str,
) -> RunReport:
    """Apply a plan and track its changes until the run ends.

    The caller starts the informer and holds the leases. The run changes only objects in *plan*.
    Before each write, the object is planned again from the newest snapshot. If an API server
    response, for example 401, ends the run, the function still returns a report, which shows
    what was written before.
    """
    started = context.clock.now()
    rollout = _Rollout(plan, desired, choices, policy, context)
    error: Exception | None = None
    try:
        with context.breakable():
            message = rollout.follow() if plan.applyable or rollout.open else ""
    except BrokenOff:
        message = BROKEN_OFF
        rollout.abandon_if_in_doubt()
    except ClusterError as found:
        error, message = found, f"the run ended because of an error: {found}"
        if isinstance(found, BackgroundError):
            rollout.abandon_if_in_doubt()
    except Exception as found:
        # A bug of this program must not lose the report of what was written.
        log.exception(
            "the run ended because of a bug in reconciler; report the bug with this message"
        )
        error, message = (
            found,
            (f"the run ended because of a bug in reconciler: {type(found).__name__}: {found}"),
        )
        rollout.abandon_if_in_doubt()
    removed = _removed_from_git(plan, desired, choices, policy.approval, context.clock.now())
    outcomes = (*rollout.outcomes(message), *removed)
    ended_by = ExitCode.LEASE_HELD if rollout.lease_lost else None
    if error is not None or rollout.closer.bug is not None:
        ended_by = ExitCode.ERROR
    return RunReport(
        run_id=run_id,
        plan=plan,
        outcomes=outcomes,
        started_at=started,
        ended_at=context.clock.now(),
        exit=exit_code(outcomes, valid=not plan.errored, ended_by=ended_by),
        message=message,
    )


def _removed_from_git(
    plan: Plan, desired: DesiredState, choices: PlanPolicy, approval: Approval | None, at: datetime
) -> Iterator[Outcome]:
    """Yield the result of each approved object that is no longer in Git."""
    known = {each.ref for each in plan.decisions} | desired.unselected
    for ref, (approved, *_) in (approval.actions if approval else {}).items():
        if ref in known or not choices.shard.holds(ref.namespace):
            continue
        why = Explanation(
            reason=approval_check.STALE,
            message=f"approved: {approved.effect} ({approved.reason}); now: Git at "
            f"{plan.revision} does not contain the object",
            hint=approval_check.HINT,
        )
        decision = Decision(ref=ref, uid=None, effect=approved.effect, why=why)
        yield untracked_outcome(decision, FinalResult(result=Result.STALE, why=why), at)


class _Rollout:
    def __init__(
        self,
        plan: Plan,
        desired: DesiredState,
        choices: PlanPolicy,
        policy: RolloutPolicy,
        context: RunContext,
    ) -> None:
        self.desired, self.choices, self.policy, self.context = desired, choices, policy, context
        self.planner = Planner()
        self.closer = ObjectCloser(context)
        if self.closer.memory.problem:
            context.progress(Step.LEASE, self.closer.memory.problem)
        self.writes = Writes(
            context, self.closer, revision=plan.revision, annotate=policy.annotate
        )
        self.kubevirt = KubeVirtWaves(plan, policy, context, self.writes)
        self.memory = MemoryWave(plan, policy, context, self.writes)
        for each in self._objects():
            each.commit = plan.revision
        self.lease_lost = False
        self.ready = False
        """Whether the settings in the KubeVirt CR allow the memory of VMs to change now."""
        self.stuck = False
        """Whether the run stopped, because no remaining change can start before the deadline."""

    @property
    def open(self) -> bool:
        """Whether the run still has objects to write or to track."""
        return self.kubevirt.open or self.memory.open

    def abandon_if_in_doubt(self) -> None:
        """Let the leases expire instead of releasing them if a write request got no response.

        The API server might still execute this request, and no other run can start before the
        leases have expired.
        """
        if any(each.unanswered_at is not None for each in self._objects()):
            self.context.config_lease.abandon()
            self.context.memory_lease.abandon()

    def follow(self) -> str:
        """Read, plan and write until no object is tracked; if this ends early, return why."""
        start = self.context.clock.monotonic()
        live = self.context.informer.read()
        while self.open:
            ended = self._stops_before_round(start)
            if ended:
                return ended
            given_up = self.kubevirt.failed or self.kubevirt.overdue
            self._round(live)
            ended = self._stops_after_round(start, given_up=given_up)
            if ended:
                return ended
            if self.open:
                self.context.progress(Step.WAITING, "")
                live = self.context.informer.wait(max(0.0, min(ROUND_S, self._left(start))))
        return ""

    def _stops_before_round(self, start: float) -> str:
        """Return the reason why the run must end now, or '' if the run can continue."""
        if ended := self.context.stopping():
            return f"{ended}; {_CONTINUES}"
        if self._left(start) <= 0:
            return f"the deadline was reached; {_CONTINUES}"
        # Check both leases in each round, because the check also renews a lease when necessary.
        if not all([self.context.config_lease.held(), self.context.memory_lease.held()]):
            self.lease_lost = True
            return "the run no longer holds its Lease, so it writes nothing more"
        return ""

    def _stops_after_round(self, start: float, *, given_up: bool) -> str:
        """Return the reason why the run cannot make any more changes, or '' if it can make more.

        Raises:
            ClusterError: The API server has not responded to writes for too long.
        """
        clock, pause = self.context.clock, self.writes.pause
        if pause.error is not None and pause.exhausted(clock.monotonic()):
            raise pause.error
        in_flight = any(each.open and each.applied for each in self._objects())
        if self.closer.bug is not None and not in_flight:
            return f"no further change starts, because of a bug in reconciler: {self.closer.bug}"
        idle = not self.kubevirt.open and not self.memory.can_start
        unready = not self.kubevirt.open and not self.ready
        if given_up and (idle or unready) and not self.memory.under_way:
            return (
                "KubeVirt did not apply its CR; changes that need the new settings did not start"
            )
        if not self.policy.follow and idle:
            return "the run does not wait for the guests because of --no-wait"
        self.stuck = self._stuck(clock.now() + timedelta(seconds=self._left(start)))
        return "no further change can start now" if self.stuck else ""

    def _stuck(self, run_ends: datetime) -> bool:
        """Return whether no remaining change can start before this run ends."""
        if self.memory.under_way:
            return False
        if self.kubevirt.open:
            return self.kubevirt.hold is not None and self.kubevirt.hold.final
        holds = self.memory.dispatch.held.values()
        if any(each.closed for each in holds):
            return True
        if not self.memory.all_held:
            return False
        ends = [each.until for each in holds if each.until and not each.final]
        return not ends or min(ends) > run_ends

    def _left(self, start: float) -> float:
        """Return the number of seconds until the deadline, or one year without a deadline."""
        if self.policy.deadline_s is None:
            return 365 * 86400.0
        return self.policy.deadline_s - (self.context.clock.monotonic() - start)

    def _round(self, live: LiveState) -> None:
        live, capacity = self.writes.own.overlay(live), self.memory.dispatch.capacity
        decided = self.planner.update(
            self.desired,
            capacity.overlay(live, self.memory.objects.values()),
            self.choices,
            self.context.clock.now(),
            hold=self.context.alerts.hold(self.choices.hold_while),
            clocks=self.context.clock_difference(),
            kubevirt_stays=self.kubevirt.failed,
        )
        self.ready = self.kubevirt.step(decided)
        self.memory.step(self.planner, may_start=self.ready)

    def _objects(self) -> tuple[TrackedObject, ...]:
        kubevirt = (self.kubevirt.tracked,) if self.kubevirt.tracked else ()
        return (*kubevirt, *self.memory.objects.values())

    def outcomes(self, message: str) -> tuple[Outcome, ...]:
        """Return the result of every object, and stop tracking the remaining objects."""
        if message:
            self.context.progress(Step.ENDING, message)
        objects = self._objects()
        for tracked in objects:
            if tracked.open:
                self.closer.close(tracked, self._end_with_run(tracked))
        return tuple(build_outcome(each) for each in objects)

    def _end_with_run(self, tracked: TrackedObject) -> FinalResult:
        latest, hold = tracked.latest, tracked.hold or self.kubevirt.hold
        if tracked.applied:
            if tracked.ref.is_vm and not self.policy.follow:
                return FinalResult(result=Result.WRITTEN, why=_NOT_FOLLOWED, cause=Cause.RUN_ENDED)
            result = Result.RUNNING
        elif tracked.in_doubt:
            message = f"the API server did not respond to the last write: {latest.why.message}"
            why = Explanation(reason=latest.reason.value, message=message)
            return FinalResult(result=Result.RUNNING, why=why, cause=Cause.RUN_ENDED)
        elif latest.effect is Effect.WAIT:
            result = Result.HELD
        elif hold is not None:
            # VMs that wait for a failed canary count as not started.
            held = self.stuck and hold.why.reason != CANARY_FAILED
            result = Result.HELD if held else hold.result
            return FinalResult(result=result, why=hold.why, cause=Cause.RUN_ENDED)
        else:
            result = Result.NOT_STARTED
        return as_decided(result, latest, Cause.RUN_ENDED)
