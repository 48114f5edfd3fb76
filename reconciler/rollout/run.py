"""Applies a plan: first the KubeVirt CR, wave by wave, then the memory of VMs: ``run``.

The run is level-triggered: each round reads the newest snapshot, plans again, and sends the writes
that are allowed now. State that is neither in the cluster nor in Git is used only for the report.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.errors import BackgroundError, BrokenOff, ClusterError
from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import Actuation, ExitCode, Outcome, Result, RunReport
from reconciler.model.run.progress import Step
from reconciler.plan.planner import Planner
from reconciler.rollout.exit_code import exit_code
from reconciler.rollout.limits import approval_check
from reconciler.rollout.limits.holds import CANARY_FAILED
from reconciler.rollout.tracking.completion import Completion
from reconciler.rollout.tracking.end import Cause, End, as_decided
from reconciler.rollout.waves.kubevirt_waves import KubeVirtWaves
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
    from reconciler.rollout.run_context import RunContext
    from reconciler.rollout.tracking.tracked_object import TrackedObject

ROUND_S = 1.0
"""The maximum length of a round in seconds; after each, the run checks deadline and signals."""
BROKEN_OFF = (
    "the run was asked to end; its last request was interrupted, so the answer is not known"
)
_CONTINUES = "migrations in flight continue"
_NOT_FOLLOWED = Explanation(
    reason="no-wait",
    message="the size is written; the run did not wait for the guest because of --no-wait",
    hint="`reconciler status` shows when the guest has its memory",
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
    """Apply *plan* and track its changes; the caller starts the informer and holds the leases.

    *plan* defines which objects take part. Before each write, the object is planned again from the
    newest snapshot. If an answer of the API server ends the run, such as 401, the function still
    returns a report, which shows what was written until then.
    """
    started = context.clock.now()
    rollout = _Rollout(plan, desired, choices, policy, context)
    error = None
    try:
        with context.breakable():
            message = rollout.follow() if plan.applyable or rollout.open else ""
    except BrokenOff:
        message = BROKEN_OFF
        rollout.abandon_if_in_doubt()
    except ClusterError as found:
        error, message = found, f"ended by an error: {found}"
        if isinstance(found, BackgroundError):
            rollout.abandon_if_in_doubt()
    outcomes = (*rollout.outcomes(message), *_unnamed(plan, desired, choices, policy.approval))
    ended_by = ExitCode.LEASE_HELD if rollout.lease_lost else None
    if error is not None:
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


def _unnamed(
    plan: Plan, desired: DesiredState, choices: PlanPolicy, approval: Approval | None
) -> tuple[Outcome, ...]:
    """Return the outcomes of objects that are approved but no longer in Git."""
    named = {each.ref for each in plan.decisions} | desired.unselected
    actions = approval.actions if approval else {}
    return tuple(
        Outcome(
            ref=ref,
            effect=approved[0].effect,
            actuation=Actuation.SKIPPED,
            result=Result.STALE,
            why=Explanation(
                reason=approval_check.STALE,
                message=f"approved: {approved[0].effect} ({approved[0].reason}); now: Git at "
                f"{plan.revision} does not contain it",
                hint=approval_check.HINT,
            ),
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
        context: RunContext,
    ) -> None:
        self.desired, self.choices, self.policy, self.context = desired, choices, policy, context
        self.planner = Planner()
        self.completion = Completion(context)
        if self.completion.memory.problem:
            context.progress(Step.LEASE, self.completion.memory.problem)
        self.writes = Writes(
            context, self.completion, revision=plan.revision, annotate=policy.annotate
        )
        self.kubevirt = KubeVirtWaves(plan, policy, context, self.writes, self.completion)
        self.memory = MemoryWave(plan, policy, context, self.writes, self.completion)
        self.lease_lost = False
        self.ready = False
        """Whether the KubeVirt CR allows the memory of VMs to change."""
        self.stuck = False
        """Whether the run ended because no remaining change can start before its deadline."""

    @property
    def open(self) -> bool:
        """Whether any object still has to be written or tracked."""
        return self.kubevirt.open or self.memory.open

    @property
    def in_doubt(self) -> bool:
        """Whether a write was sent and has not been answered yet."""
        return any(each.unanswered_at is not None for each in self._objects())

    def abandon_if_in_doubt(self) -> None:
        """Let the leases expire if the API server may still execute a request.

        No other run may start before the leases have expired.
        """
        if self.in_doubt:
            self.context.config_lease.abandon()
            self.context.memory_lease.abandon()

    def follow(self) -> str:
        """Repeat rounds until every object is closed; return why the run ended early, or ""."""
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
                live = self.context.informer.wait(self._pause(start))
        return ""

    def _stops_before_round(self, start: float) -> str:
        """Return why no further round may start; empty if one may start."""
        if self.context.stopping():
            return f"the run was asked to end; {_CONTINUES}"
        if self._left(start) <= 0:
            return f"the deadline was reached; {_CONTINUES}"
        if not self.context.leases_held():
            self.lease_lost = True
            return "the run lost its lease, so it writes nothing more"
        return ""

    def _stops_after_round(self, start: float, *, given_up: bool) -> str:
        """Return why another round would change nothing; empty if a round may change something.

        Raises:
            ClusterError: The API server has not answered writes for too long.
        """
        clock, pause = self.context.clock, self.writes.pause
        if pause.error is not None and pause.exhausted(clock.monotonic()):
            raise pause.error
        idle = not self.kubevirt.open and not self.memory.can_start
        unready = not self.kubevirt.open and not self.ready
        if given_up and (idle or unready) and not self.memory.under_way:
            return "KubeVirt did not apply its configuration; changes that need it did not start"
        if not self.policy.follow and idle:
            return "the run does not wait for the guests because of --no-wait"
        self.stuck = self._stuck(clock.now() + timedelta(seconds=self._left(start)))
        return "no further change can start now" if self.stuck else ""

    def _stuck(self, run_ends: datetime) -> bool:
        """Return whether no remaining change can start before the end of this run."""
        if self.memory.under_way:
            return False
        if self.kubevirt.open:
            return self.kubevirt.hold is not None
        holds = self.memory.held.values()
        if any(each.closed for each in holds):
            return True
        if not self.memory.all_held:
            return False
        ends = [each.until for each in holds if each.until and not each.final]
        return not ends or min(ends) > run_ends

    def _left(self, start: float) -> float:
        """Return the seconds until the deadline; one year if there is no deadline."""
        if self.policy.deadline_s is None:
            return 365 * 86400.0
        return self.policy.deadline_s - (self.context.clock.monotonic() - start)

    def _round(self, live: LiveState) -> None:
        decided = self.planner.update(
            self.desired,
            self.memory.overlay(self.writes.own.overlay(live)),
            self.choices,
            self.context.clock.now(),
            kubevirt_stays=self.kubevirt.failed,
        )
        self.ready = self.kubevirt.step(decided)
        self.memory.step(self.planner, may_start=self.ready)

    def _pause(self, start: float) -> float:
        return max(0.0, min(ROUND_S, self._left(start)))

    def _objects(self) -> tuple[TrackedObject, ...]:
        kubevirt = (self.kubevirt.tracked,) if self.kubevirt.tracked else ()
        return (*kubevirt, *self.memory.objects.values())

    def outcomes(self, message: str) -> tuple[Outcome, ...]:
        """Close the tracking of every open object, because the run ends; return all outcomes."""
        if message:
            self.context.progress(Step.ENDING, message)
        objects = self._objects()
        for tracked in objects:
            if tracked.open:
                self.completion.close(tracked, self._end_with_run(tracked))
        return tuple(each.outcome() for each in objects)

    def _end_with_run(self, tracked: TrackedObject) -> End:
        latest, hold = tracked.latest, tracked.hold or self.kubevirt.hold
        if tracked.applied:
            if tracked.ref.is_vm and not self.policy.follow:
                return End(result=Result.WRITTEN, why=_NOT_FOLLOWED, cause=Cause.RUN_ENDED)
            result = Result.RUNNING
        elif tracked.in_doubt:
            message = f"the API server did not answer the last write: {latest.why.message}"
            why = Explanation(reason=latest.reason.value, message=message)
            return End(result=Result.RUNNING, why=why, cause=Cause.RUN_ENDED)
        elif latest.effect is Effect.WAIT:
            result = Result.HELD
        elif hold is not None:
            # VMs that wait for a failed canary count as not started, not as held.
            held = self.stuck and hold.why.reason != CANARY_FAILED
            result = Result.HELD if held else hold.result
            return End(result=result, why=hold.why, cause=Cause.RUN_ENDED)
        else:
            result = Result.NOT_STARTED
        return as_decided(result, latest, Cause.RUN_ENDED)
