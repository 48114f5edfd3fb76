"""The waves of the KubeVirt CR: one patch each, and the CR settled before the next one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.references import dotted
from reconciler.model.run.checkpoint import RecordedFailure
from reconciler.model.run.outcome import Actuation, Result
from reconciler.model.run.progress import Step
from reconciler.model.shard import Shard
from reconciler.plan.behaviour.effective_config import unsettled
from reconciler.rollout.limits import approval_check
from reconciler.rollout.limits.holds import closed_hold, opened
from reconciler.rollout.tracking.checkpoint_store import CheckpointStore
from reconciler.rollout.tracking.reverts import REVERTED
from reconciler.rollout.tracking.tracked_object import TrackedObject
from reconciler.rollout.writes.needed_leases import touches_config
from reconciler.rollout.writes.send import PendingWrite

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveKubeVirt, LiveState
    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.references import FieldPath
    from reconciler.plan.context import PlanContext
    from reconciler.rollout.rollout_policy import RolloutPolicy
    from reconciler.rollout.run_context import Outside
    from reconciler.rollout.tracking.hold import Hold
    from reconciler.rollout.writes.send import Writes

UNLEASED = "changed-meanwhile"
LATER = "the next run changes it: it could not be changed when this one began"
OWNED = "let one tool own the KubeVirt CR; Git's next change, or an hour, lets it be tried again"


class SettingsWaves:
    """Brings the CR to what Git says, and says when memory may begin."""

    def __init__(
        self, plan: Plan, policy: RolloutPolicy, outside: Outside, writes: Writes
    ) -> None:
        self._policy, self._outside, self._writes = policy, outside, writes
        self._memo = CheckpointStore(outside.config_lease, outside.clock.now())
        decision = next((each for each in plan.decisions if each.ref.kind == "KubeVirt"), None)
        self._course = _course(decision) if decision else None
        self._leased = touches_config(plan, Shard())
        self.hold: Hold | None = None
        """Why the CR was not written in the last round though it could be."""
        self._written: LiveKubeVirt | None = None
        self._written_at: float | None = None
        self._settled_at: float | None = None
        self._began = outside.clock.monotonic()
        self._sent: set[FieldPath] = set()
        """Fields that this run has written."""
        self._told = ""
        self.overdue = False
        """Whether the CR has not settled for longer than it may take, whoever changed it."""

    @property
    def open(self) -> bool:
        """Whether the CR still has to change or to settle."""
        return self._course is not None and self._course.open

    @property
    def failed(self) -> bool:
        """Whether the CR could be changed, and will not be in this run."""
        course = self._course
        if course is None or course.result not in (Result.FAILED, Result.STALE, Result.HELD):
            return False
        return course.result is not Result.HELD or course.reason in (
            approval_check.NOT_APPROVED,
            UNLEASED,
        )

    def courses(self) -> tuple[TrackedObject, ...]:
        """The CR's course, where it takes part."""
        return (self._course,) if self._course else ()

    def overlaid(self, live: LiveState) -> LiveState:
        """*live*, with our own write where the informer has not caught up with it yet."""
        written = self._written
        if written is None or live.kubevirt.uid != written.uid:
            return live
        if live.kubevirt.generation >= written.generation:
            self._written = None
            return live
        return replace(live, kubevirt=written)

    def step(self, context: PlanContext) -> bool:
        """Do what the CR needs now; True once memory may begin."""
        if self._course is None or not self._course.open:
            return self._settled(context)
        decision = context.kubevirt or self._course.latest
        self._course.latest = decision
        self.hold = None
        match decision.effect:
            case Effect.CONFIG if self._settled(context):
                self._write_unless_reverted(decision, context)
                return False
            case Effect.NONE if self._settled(context):
                self._done()
                return True
            case Effect.BLOCKED:
                self._hold(decision)
                return self._settled(context)
            case _:
                self._fail_if_overdue(context)
                return False

    def _write_unless_reverted(self, decision: Decision, context: PlanContext) -> None:
        """Write the next wave, unless somebody has taken back what this run wrote."""
        recorded = self._memo.record.failures.get(decision.ref)
        if recorded is not None and recorded.target == _wanted(decision) and not self._sent:
            self._end(Result.FAILED, recorded.reason, recorded.message, OWNED)
            return
        reverted = [each for each in decision.changes if each.field in self._sent]
        if not reverted or self._written is not None:
            self._write(decision, context)
            return
        names = ", ".join(dotted(each.field) for each in reverted)
        writer = f" ({decision.owner})" if decision.owner else ""
        message = f"somebody{writer} took {names} back; it is not written again"
        failure = RecordedFailure(
            uid=decision.uid,
            target=_wanted(decision),
            reason=REVERTED,
            message=message,
            at=self._outside.clock.now(),
        )
        self._memo.failed(decision.ref, failure)
        self._end(Result.FAILED, REVERTED, message, OWNED)

    def _write(self, decision: Decision, context: PlanContext) -> None:
        course = self._course
        clock = self._outside.clock
        if course is None or clock.monotonic() < course.not_before or not decision.actions:
            return
        action = decision.actions[0]
        if not self._leased:
            # What was in the way went after the plan was made, for which no lease was taken.
            self._end(Result.HELD, UNLEASED, f"not begun: {decision.message}", LATER)
            return
        if not approval_check.covers(self._policy.approval, decision):
            message = f"not approved, so not written: {decision.message}"
            self._end(Result.HELD, approval_check.NOT_APPROVED, message, approval_check.HINT)
            return
        stale = approval_check.difference(self._policy.approval, decision, action)
        if stale:
            self._end(Result.STALE, approval_check.STALE, stale, approval_check.HINT)
            return
        self.hold = course.hold = closed_hold(opened(context))
        lease = self._outside.config_lease
        if self.hold is not None or not self._writes.may_send(lease):
            return
        self._outside.tell(Step.WAVE, f"wave {action.wave}", ref=course.ref)
        turn = PendingWrite(course=course, decision=decision, action=action)
        written = self._writes.send(turn, lease)
        if written is not None:
            self._written = written.kubevirt
            self._written_at, self._settled_at = clock.monotonic(), None
            self._sent |= {each.field for each in decision.changes if each.wave is action.wave}

    def _settled(self, context: PlanContext) -> bool:
        """Settled, and long enough for the components to have read it.

        Source: kubevirt v1.9.0 pkg/healthz/healthz.go:99-108 is the only exact signal, and
        needs rights on pods; so observedGeneration and a few seconds more.
        """
        why = unsettled(context.live.kubevirt)
        now = self._outside.clock.monotonic()
        since = self._began if self._written_at is None else self._written_at
        self.overdue = bool(why) and now - since >= context.policy.settle_deadline_s
        if why:
            self._settled_at = None
            if why != self._told:
                self._told = why
                self._outside.tell(
                    Step.BARRIER,
                    f"waits for the CR to settle: {why}",
                    ref=context.live.kubevirt.ref,
                )
            return False
        if self._written_at is None:
            return True
        if self._settled_at is None:
            self._settled_at = now
        return now - self._settled_at >= self._policy.settle_s

    def _fail_if_overdue(self, context: PlanContext) -> None:
        if self._settled(context) or not self.overdue:
            return
        why = unsettled(context.live.kubevirt)
        limit = context.policy.settle_deadline_s
        message = f"the CR did not settle within {limit:.0f} s: {why}"
        self._end(Result.FAILED, "not-settled", message)

    def _done(self) -> None:
        if self._course is not None:
            self._memo.forget(self._course.ref)
        reason, message = Reason.CONFIG_AS_DESIRED, "the KubeVirt CR says what Git says"
        self._end(Result.DONE, reason.value, message)

    def _hold(self, decision: Decision) -> None:
        stale = approval_check.difference(self._policy.approval, decision, None)
        if stale:
            self._end(Result.STALE, approval_check.STALE, stale, approval_check.HINT)
            return
        self._end(Result.HELD, decision.reason.value, decision.message, decision.hint)

    def _end(self, result: Result, reason: str, message: str, hint: str = "") -> None:
        if self._course is None:
            return
        self._course.end(result, reason, message, hint, self._outside.clock.now())
        if self._course.actuation is Actuation.PENDING:
            self._course.actuation = Actuation.SKIPPED
        step = {Result.DONE: Step.DONE, Result.FAILED: Step.FAILED}.get(result, Step.SKIPPED)
        self._outside.tell(
            step, message, ref=self._course.ref, reason=reason, outcome=self._course.outcome()
        )


def _course(decision: Decision) -> TrackedObject | None:
    if decision.effect is Effect.NONE:
        return None
    return TrackedObject(planned=decision, latest=decision)


def _wanted(decision: Decision) -> str:
    """What Git wants of the CR, spelled in one way."""
    return "; ".join(sorted(f"{dotted(each.field)}={each.after}" for each in decision.changes))
