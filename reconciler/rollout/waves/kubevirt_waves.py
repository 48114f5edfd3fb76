"""``KubeVirtWaves``: changes the KubeVirt CR in steps, and waits after each step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.references import dotted
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.model.shard import Shard
from reconciler.plan.behaviour.effective_config import unsettled
from reconciler.plan.kubevirt.owners import owner_table
from reconciler.plan.kubevirt.owners.recognise import owner_of
from reconciler.rollout.limits import approval_check
from reconciler.rollout.limits.holds import alert_hold, closed_hold, opened, windows_disagree
from reconciler.rollout.tracking.close_object import NOT_SETTLED
from reconciler.rollout.tracking.overwritten_size import REVERTED
from reconciler.rollout.tracking.tracked_object import FinalResult, TrackedObject, as_decided
from reconciler.rollout.writes.needed_leases import touches_config
from reconciler.rollout.writes.send_and_handle_answer import PendingWrite

if TYPE_CHECKING:
    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.references import FieldPath
    from reconciler.plan.context import PlanContext
    from reconciler.rollout.rollout_policy import RolloutPolicy
    from reconciler.rollout.run_context import RunContext
    from reconciler.rollout.tracking.hold import Hold
    from reconciler.rollout.writes.send_and_handle_answer import Writes

NO_LEASE = "changed-meanwhile"
_NO_LEASE_HINT = (
    "no action is needed: the next run can change the KubeVirt CR; this was not possible when "
    "this run started"
)
_OWNER_HINT = (
    "let only one tool write the KubeVirt CR; a run tries again after an hour, or when Git changes"
)


class KubeVirtWaves:
    """Makes the KubeVirt CR match Git, and determines when the memory of VMs can change."""

    def __init__(
        self,
        plan: Plan,
        policy: RolloutPolicy,
        run: RunContext,
        writes: Writes,
    ) -> None:
        self._policy, self._run, self._writes = policy, run, writes
        self._closer, self._checkpoint = writes.closer, writes.closer.config
        self.tracked = _tracked(plan)
        """The KubeVirt CR as a tracked object, or None if it matches Git."""
        self._has_lease = touches_config(plan, Shard())
        self.hold: Hold | None = None
        """What prevented a write to the KubeVirt CR in the last round, or None."""
        self._written_at: float | None = None
        self._settled_at: float | None = None
        self._started_at, self._began_at = run.clock.monotonic(), run.clock.now()
        self._sent: set[FieldPath] = set()
        """The fields of the KubeVirt CR that this run has written."""
        self._reported = ""
        self.overdue = False
        """Whether KubeVirt took too long to apply a change to its CR that any client made."""

    @property
    def open(self) -> bool:
        """Whether the KubeVirt CR must still change, or KubeVirt has not applied it yet."""
        return self.tracked is not None and self.tracked.open

    @property
    def failed(self) -> bool:
        """Whether a planned change to the KubeVirt CR will not happen in this run."""
        tracked = self.tracked
        if tracked is None or tracked.final is None:
            return False
        kept_back = tracked.final.why.reason in (approval_check.NOT_APPROVED, NO_LEASE)
        return tracked.result in (Result.FAILED, Result.STALE) or (
            tracked.result is Result.HELD and kept_back
        )

    def step(self, context: PlanContext) -> bool:
        """Make the next change to the KubeVirt CR; return whether VM memory can change now."""
        tracked = self.tracked
        if tracked is None or not tracked.open:
            return self._settled(context)
        ready = False
        with self._closer.guard(tracked):
            ready = self._step(tracked, context)
        return ready  # noqa: RET504 - False after a bug

    def _step(self, tracked: TrackedObject, context: PlanContext) -> bool:
        decision = context.kubevirt or tracked.latest
        tracked.update(decision, context.live)
        self.hold = None
        match decision.effect:
            case Effect.CONFIG if self._settled(context):
                self._write_unless_reverted(tracked, context)
                return False
            case Effect.NONE if self._settled(context):
                message = "the KubeVirt CR matches Git"
                why = Explanation(reason=Reason.CONFIG_AS_DESIRED.value, message=message)
                self._closer.close(tracked, FinalResult(result=Result.DONE, why=why))
                return True
            case Effect.BLOCKED if not self._owner_is_unread(decision):
                stale = approval_check.refused(self._policy.approval, decision, None)
                self._closer.close(tracked, stale or as_decided(Result.HELD, decision))
                return self._settled(context)
            case _:
                self._fail_if_overdue(tracked, context)
                return False

    def _write_unless_reverted(self, tracked: TrackedObject, context: PlanContext) -> None:
        """Write the next KubeVirt CR change, unless another client reverted an earlier one."""
        decision = tracked.latest
        if tracked.written and tracked.action and tracked.action.uid != decision.uid:
            tracked.recreated()
            self._sent.clear()
        why = self._reverted(decision)
        if why is not None:
            self._closer.close(tracked, FinalResult(result=Result.FAILED, why=why))
        else:
            self._write(tracked, context)

    def _reverted(self, decision: Decision) -> Explanation | None:
        if not self._sent:
            earlier = self._checkpoint.failure_of(decision)
            return replace(earlier.why, hint=_OWNER_HINT) if earlier else None
        reverted = [dotted(each.field) for each in decision.changes if each.field in self._sent]
        if not reverted:
            return None
        writer = decision.owner or "another client"
        message = f"{writer} reverted {', '.join(reverted)}; the run does not repeat the write"
        return Explanation(reason=REVERTED, message=message, hint=_OWNER_HINT)

    def _write(self, tracked: TrackedObject, context: PlanContext) -> None:
        decision, clock = tracked.latest, self._run.clock
        if clock.monotonic() < tracked.not_before or not decision.actions:
            return
        action, lease = decision.actions[0], self._run.config_lease
        end = approval_check.refused(self._policy.approval, decision, action)
        if not self._has_lease:
            # The plan had no change for the CR, so this run does not hold the CR's lease.
            message = f"not started: {decision.why.message}"
            why = Explanation(reason=NO_LEASE, message=message, hint=_NO_LEASE_HINT)
            end = FinalResult(result=Result.HELD, why=why)
        if end is not None:
            self._closer.close(tracked, end)
            return
        if dispute := windows_disagree(context, ()):
            raise dispute
        self.hold = tracked.hold = alert_hold(
            context.hold, context.now, self._began_at
        ) or closed_hold(opened(context))
        if self.hold is not None or not self._writes.may_send(lease):
            return
        self._run.progress(Step.WAVE, f"wave {action.wave}", ref=tracked.ref)
        write = PendingWrite(tracked=tracked, decision=decision, action=action)
        if self._writes.send([write], lease):
            self._written_at, self._settled_at = clock.monotonic(), None
            self._sent |= {each.field for each in decision.changes if each.wave is action.wave}

    def _settled(self, context: PlanContext) -> bool:
        """Return whether KubeVirt's components had enough time to read the changed KubeVirt CR.

        An exact check would need permissions on pods. So this method waits for
        observedGeneration and then a few seconds more.
        Source: kubevirt v1.9.0 pkg/healthz/healthz.go:99-108.
        """
        why = self._unsettled(context)
        now = self._run.clock.monotonic()
        since = self._started_at if self._written_at is None else self._written_at
        self.overdue = bool(why) and now - since >= context.policy.settle_deadline_s
        if why:
            self._settled_at = None
            if why != self._reported:
                self._reported = why
                message = f"waiting until KubeVirt has applied its CR: {why}"
                self._run.progress(Step.BARRIER, message, ref=context.live.kubevirt.ref)
            return False
        if self._written_at is None:
            return True
        if self._settled_at is None:
            self._settled_at = now
        return now - self._settled_at >= self._policy.settle_s

    def _unsettled(self, context: PlanContext) -> str:
        """Return why a change to the KubeVirt CR is not fully processed yet, or '' if it is.

        The operator that manages the CR is checked first, then KubeVirt. If this run has not
        changed the CR, changes to VM memory do not wait for that operator.
        """
        decision, matters = context.kubevirt, self.open or self._written_at is not None
        if decision is not None and matters and self._owner_waits(decision):
            return decision.why.message
        if self._written_at is not None and (why := owner_of(context.live).unsettled):
            return why
        return unsettled(context.live.kubevirt)

    def _owner_waits(self, decision: Decision) -> bool:
        """Return whether the run must wait for the operator that manages the KubeVirt CR."""
        return decision.reason is Reason.OWNER_NOT_SETTLED or self._owner_is_unread(decision)

    def _owner_is_unread(self, decision: Decision) -> bool:
        """Return whether the HyperConverged or Harvester object became unreadable after a write.

        The written value might not have reached the KubeVirt CR yet, so the run waits.
        """
        unread = {each.unread for each in owner_table.OWNERS}
        return bool(self._sent) and decision.reason in unread

    def _fail_if_overdue(self, tracked: TrackedObject, context: PlanContext) -> None:
        if self._settled(context) or not self.overdue:
            return
        limit, why = context.policy.settle_deadline_s, self._unsettled(context)
        message = f"KubeVirt did not apply its CR within {limit:.0f} s: {why}"
        explained = Explanation(reason=NOT_SETTLED, message=message)
        self._closer.close(tracked, FinalResult(result=Result.FAILED, why=explained))


def _tracked(plan: Plan) -> TrackedObject | None:
    decision = next((each for each in plan.decisions if each.ref.is_kubevirt), None)
    if decision is None or decision.effect is Effect.NONE:
        return None
    return TrackedObject(planned=decision, latest=decision)
