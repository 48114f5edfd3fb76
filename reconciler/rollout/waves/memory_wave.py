"""``MemoryWave``: changes VMs as the limits allow, and tracks each change to its end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.fields import WaveName
from reconciler.model.plan.plan import Effect, Verb
from reconciler.model.run.outcome import Result, Verdict
from reconciler.model.run.progress import Step
from reconciler.plan.behaviour.reverting_tools import OUR_MANAGER
from reconciler.rollout.limits import approval_check
from reconciler.rollout.tracking.judge_convergence import FAILURES, is_under_way, judge
from reconciler.rollout.tracking.overwritten_size import lost
from reconciler.rollout.tracking.tracked_object import (
    FinalResult,
    State,
    TrackedObject,
    as_decided,
)
from reconciler.rollout.tracking.vm_start import failed_start, may_request_restart, starts_now
from reconciler.rollout.waves.dispatch import Dispatch

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState, LiveVM
    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.references import ObjectRef
    from reconciler.plan.context import PlanContext
    from reconciler.plan.planner import Planner
    from reconciler.rollout.rollout_policy import RolloutPolicy
    from reconciler.rollout.run_context import RunContext
    from reconciler.rollout.writes.send_and_handle_answer import Writes

_EARLIER_HINT = (
    "let only one tool manage the VM's memory; a run tries again after an hour, or when Git sets "
    "a different size"
)


class MemoryWave:
    """Changes and tracks the VMs of one run."""

    def __init__(
        self,
        plan: Plan,
        policy: RolloutPolicy,
        run: RunContext,
        writes: Writes,
    ) -> None:
        self._run, self._approval = run, policy.approval
        self._closer, self._checkpoint = writes.closer, writes.closer.memory
        self.dispatch = Dispatch(plan, policy, run, writes)
        self.can_start = True
        """Whether any VM has a write that was not sent yet."""
        live = run.informer.read()
        self.objects: dict[ObjectRef, TrackedObject] = {
            decision.ref: self._tracked(decision, live)
            for decision in plan.decisions
            if decision.ref.is_vm and decision.effect is not Effect.NONE
        }
        failing = {each.ref for each in plan.decisions if each.reason in FAILURES}
        applied = {ref for ref, each in self.objects.items() if each.applied}
        self._checkpoint.keep_written(applied | failing)

    @property
    def open(self) -> bool:
        """Whether any VM is still tracked."""
        return any(each.open for each in self.objects.values())

    @property
    def under_way(self) -> bool:
        """Whether the change to any VM is in flight."""
        return any(each.open and each.applied for each in self.objects.values())

    @property
    def all_held(self) -> bool:
        """Whether a limit, such as a maintenance window, delays every VM that is still tracked."""
        return self.open and all(
            ref in self.dispatch.held for ref, each in self.objects.items() if each.open
        )

    def step(self, planner: Planner, *, may_start: bool) -> None:
        """Evaluate each tracked VM, then start the changes that the limits allow."""
        context = planner.context
        candidates: dict[ObjectRef, Decision] = {}
        for ref, tracked in self.objects.items():
            if not tracked.open:
                continue
            decision = planner.decision(ref)
            with self._closer.guard(tracked):
                self._judge(tracked, decision, context.live)
            if decision.actions and self._may_write(tracked, decision, context):
                candidates[ref] = decision
        self.can_start = bool(candidates)
        self.dispatch.held.clear()
        if may_start and candidates:
            self.dispatch.start(candidates, self.objects, planner)

    def _tracked(self, decision: Decision, live: LiveState) -> TrackedObject:
        """Start tracking a VM, or end immediately if this run has nothing to do for the VM."""
        vmi = live.vmis.get(decision.ref)
        guest = vmi.guest_current if vmi else None
        tracked = TrackedObject(
            planned=decision, latest=decision, guest_before=guest, guest_now=guest
        )
        end = self._end_at_start(decision, live)
        if end is not None:
            self._closer.close(tracked, end)
        elif is_under_way(decision):
            self._follow(tracked, live.vms.get(decision.ref))
        elif decision.effect is not Effect.WAIT and not decision.actions:
            self._end_held(tracked)
        return tracked

    def _end_at_start(self, decision: Decision, live: LiveState) -> FinalResult | None:
        recorded = self._checkpoint.failure_of(decision)
        if recorded is not None:
            return FinalResult(result=Result.FAILED, why=replace(recorded.why, hint=_EARLIER_HINT))
        if decision.actions and not approval_check.covers(self._approval, decision):
            return approval_check.refused(self._approval, decision, decision.actions[0])
        if decision.reason in FAILURES:
            return as_decided(Result.FAILED, decision)
        return self._failed_start(decision, live)

    def _follow(self, tracked: TrackedObject, vm: LiveVM | None) -> None:
        """Track a change that an earlier run or another client wrote."""
        ours = vm is not None and vm.guest_manager == OUR_MANAGER
        tracked.followed(vm.guest_changed_at if vm is not None and ours else None)
        decision = tracked.latest
        tracked.earlier_commit = self._checkpoint.commit_of(decision)
        self._run.progress(
            Step.FOLLOWING, decision.why.message, ref=decision.ref, reason=decision.reason.value
        )

    def _judge(self, tracked: TrackedObject, decision: Decision, live: LiveState) -> None:
        """Evaluate a VM from the newest snapshot, and stop tracking the VM if no work is left."""
        news = decision.why.message != tracked.latest.why.message
        tracked.update(decision, live)
        if tracked.state is State.WAITING and not decision.actions:
            self._note_found(tracked, decision)
        # A decision with nothing but a restart left means that the size is still written.
        if tracked.written and decision.actions and decision.actions[0].verb is not Verb.RESTART:
            self._handle_lost(tracked, decision)
            return
        if (failed := self._failed_start(decision, live)) is not None:
            self._closer.close(tracked, failed)
            return
        if self._checkpoint.start_of(decision) is not None and starts_now(decision, live):
            return
        match judge(decision, written=tracked.written).verdict:
            case Verdict.CURRENT:
                self._closer.close(tracked, as_decided(Result.DONE, decision))
            case Verdict.FAILED | Verdict.NOT_FOUND:
                self._end_written(tracked)
            case Verdict.HELD:
                self._end_held(tracked)
            case Verdict.IN_PROGRESS if news and tracked.applied:
                self._run.progress(
                    Step.PHASE,
                    decision.why.message,
                    ref=tracked.ref,
                    reason=decision.reason.value,
                    fraction=tracked.advance(),
                )

    def _note_found(self, tracked: TrackedObject, decision: Decision) -> None:
        """Record that the VM has the desired value although no write of this run was confirmed."""
        there = is_under_way(decision) or decision.effect is Effect.NONE
        if there and tracked.unanswered_at is not None:
            tracked.found_written()
        elif is_under_way(decision):
            tracked.followed()

    def _handle_lost(self, tracked: TrackedObject, decision: Decision) -> None:
        """Handle a VM that was recreated, or whose new size another client has overwritten."""
        if tracked.action and tracked.action.uid not in (None, decision.uid):
            tracked.recreated()
            message = (
                "another client deleted and recreated the VM, so the run starts its change again"
            )
            self._run.progress(Step.FOLLOWING, message, ref=tracked.ref)
        else:
            self._closer.close(tracked, FinalResult(result=Result.FAILED, why=lost(decision)))

    def _end_held(self, tracked: TrackedObject) -> None:
        """Store the final result of a VM that this run cannot change."""
        stale = approval_check.refused(self._approval, tracked.latest, None)
        held = as_decided(Result.HELD, tracked.latest)
        self._closer.close(tracked, held if tracked.applied else stale or held)

    def _end_written(self, tracked: TrackedObject) -> None:
        """Store the final result of a VM that failed, or whose new size waits for a restart."""
        staged = tracked.planned.effect is Effect.RESTART and tracked.restarted_at is None
        end = as_decided(Result.HELD if staged else Result.FAILED, tracked.latest)
        if staged and self._approval and self._approval.of(tracked.ref, WaveName.RESTART):
            end = approval_check.refused(self._approval, tracked.latest, None) or end
        self._closer.close(tracked, end)

    def _failed_start(self, decision: Decision, live: LiveState) -> FinalResult | None:
        """Return the final result of a VM whose start has failed, otherwise None."""
        start = self._checkpoint.start_of(decision)
        why = failed_start(decision, start, live, self._run.clock.now()) if start else None
        return FinalResult(result=Result.FAILED, why=why) if why else None

    def _may_write(self, tracked: TrackedObject, decision: Decision, context: PlanContext) -> bool:
        """Return whether the next planned write to a VM can be sent and has not been sent yet."""
        if not tracked.open:
            return False
        if decision.actions[0].verb is not Verb.RESTART:
            return not tracked.written
        start = self._checkpoint.start_of(decision)
        return may_request_restart(decision, start, context.live, context.now)
