"""``Dispatch``: starts the changes to VMs that the limits allow, and sends their writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.fields import WaveName
from reconciler.model.live.conditions import HOT_MEMORY_CHANGE, is_true
from reconciler.model.phrases import plural
from reconciler.model.plan.plan import Effect, Verb
from reconciler.model.references import ObjectRef
from reconciler.model.run.checkpoint import Start
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.plan.ordering import groups_of
from reconciler.rollout.limits import approval_check, pacing
from reconciler.rollout.limits.holds import Holds, windows_disagree
from reconciler.rollout.limits.remaining_capacity import SHORTAGES, RemainingCapacity
from reconciler.rollout.tracking.hold import Hold
from reconciler.rollout.tracking.overwritten_size import wanted
from reconciler.rollout.tracking.tracked_object import FinalResult, TrackedObject
from reconciler.rollout.tracking.vm_start import starts_itself
from reconciler.rollout.writes.send_and_handle_answer import PendingWrite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.live.live_state import LiveState, LiveVMI
    from reconciler.model.plan.plan import Action, Decision, Plan
    from reconciler.plan.context import PlanContext
    from reconciler.plan.planner import Planner
    from reconciler.rollout.rollout_policy import RolloutPolicy
    from reconciler.rollout.run_context import RunContext
    from reconciler.rollout.writes.send_and_handle_answer import Writes

_BUDGET_HINT = (
    "correct the causes of the failures; to continue despite the failures, raise "
    "rollout.failureBudget"
)


class Dispatch:
    """Starts the changes to the VMs of one run."""

    def __init__(
        self,
        plan: Plan,
        policy: RolloutPolicy,
        run: RunContext,
        writes: Writes,
    ) -> None:
        self._policy, self._run, self._writes = policy, run, writes
        self._closer, self._checkpoint = writes.closer, writes.closer.memory
        self._holds = Holds(run, self._checkpoint)
        self.capacity = RemainingCapacity(run)
        planned = dict.fromkeys(each.ref for wave in plan.waves for each in wave.actions)
        self._order = {ref: n for n, ref in enumerate(planned)}
        self._announced, self._commit = False, plan.revision
        self.held: dict[ObjectRef, Hold] = {}
        """The VMs that could not start in the last round, and why."""

    def start(
        self,
        candidates: Mapping[ObjectRef, Decision],
        objects: Mapping[ObjectRef, TrackedObject],
        planner: Planner,
    ) -> None:
        """Send the next write to each VM whose change can start now.

        Raises:
            ClusterError: The API server's response, for example 401, ends the run, or the API
                server's clock and the local clock disagree about the maintenance windows.
        """
        context, failures = planner.context, _failures(objects)
        if failures >= self._policy.failure_budget:
            self._end_over_budget(candidates, objects, failures)
            return
        if dispute := windows_disagree(context, candidates.values()):
            if any(each.open and each.applied for each in objects.values()):
                return  # the run tracks the changes in flight before it ends
            raise dispute
        now = self._run.clock.monotonic()
        self._holds.look(planner, objects)
        ready: list[Decision] = []
        for ref in sorted(candidates, key=lambda ref: self._order.get(ref, len(self._order))):
            hold = self._holds.hold(candidates[ref], context)
            objects[ref].hold = hold
            if hold is not None:
                self.held[ref] = hold
            elif objects[ref].not_before <= now:
                ready.append(candidates[ref])
        chosen = self._chosen(ready, candidates, objects, context)
        writes = self._pending(chosen, objects, context, len(candidates))
        self._writes.send(writes, self._run.memory_lease)

    def _pending(
        self,
        chosen: list[Decision],
        objects: Mapping[ObjectRef, TrackedObject],
        context: PlanContext,
        count: int,
    ) -> Iterator[PendingWrite]:
        """Yield the writes to send, after checking the approval, failure budget and lease."""
        failures, unanswered = _failures(objects), list[TrackedObject]()
        stored = False
        for decision in chosen:
            tracked, action = objects[decision.ref], decision.actions[0]
            end = approval_check.refused(self._policy.approval, decision, action)
            if end is not None:
                self._closer.close(tracked, end)
                continue
            # Responses arrive between two writes, so count the writes that have failed since.
            failures += sum(each.result is Result.FAILED for each in unanswered)
            unanswered = [each for each in unanswered if each.open and each.unanswered_at]
            over_budget = failures >= self._policy.failure_budget
            if over_budget or not self._writes.may_send(self._run.memory_lease):
                return
            if action.verb is Verb.RESTART and not self._still_waits(decision):
                continue
            self._announce(count)
            if not stored:
                self._checkpoint.writes(chosen, self._commit)
                stored = True
            vm = context.live.vms.get(decision.ref)
            self._keep_start(decision, action, context)
            unanswered.append(tracked)
            yield PendingWrite(tracked=tracked, decision=decision, action=action, vm=vm)

    def _still_waits(self, decision: Decision) -> bool:
        """Read a VM, and return whether the VM needs a restart that nobody has requested yet.

        The informer might be out of date, and a restart request has no ``test`` operation that the
        API server could check.
        """
        vm = self._run.writer.read_vm(decision.ref)
        if vm is None or vm.uid != decision.uid or vm.restart_asked:
            return False
        return is_true(vm.conditions, "RestartRequired")

    def _keep_start(self, decision: Decision, action: Action, context: PlanContext) -> None:
        """Store for later runs that this run starts a VM; called before the request is sent."""
        created = action.verb is Verb.CREATE and starts_itself(action.manifest or {})
        if not created and action.verb is not Verb.RESTART:
            return
        vmi = context.live.vmis.get(decision.ref)
        start = Start(
            uid=decision.uid,
            target=wanted(decision),
            instance=vmi.uid if vmi is not None else None,
            at=self._run.clock.now(),
        )
        self._checkpoint.starts(decision.ref, start)

    def _chosen(
        self,
        ready: list[Decision],
        candidates: Mapping[ObjectRef, Decision],
        objects: Mapping[ObjectRef, TrackedObject],
        context: PlanContext,
    ) -> list[Decision]:
        """Return the VMs to change now: first restarts of patched VMs, then new changes."""
        restarts = [each for each in ready if objects[each.ref].written]
        new = [each for each in ready if not objects[each.ref].written]
        keys, waits = context.policy.anti_affinity, dict[ObjectRef, str]()
        chosen = pacing.may_start(
            new,
            context.live,
            context.before,
            context.policy,
            busy=_busy(objects, context.live),
            waits=waits,
            shortage=self.capacity.shortage(context.live, objects, candidates),
            groups_of=lambda ref: groups_of(ref, context.desired, context.live, keys),
        )
        waiting = {
            ref: Hold(why=Explanation(reason="waits-for-place", message=message))
            for ref, message in waits.items()
        }
        for ref, hold in waiting.items():
            objects[ref].hold = hold
        failed = {ref for ref, each in objects.items() if each.result is Result.FAILED}
        taken = pacing.disturbed(context.live)
        if taken <= failed:
            # KubeVirt continues failed changes, so they count against the limits during this run.
            # Missing capacity might become free; it is known only from the last list request.
            lasting = {ref for ref, why in waits.items() if taken or why not in SHORTAGES}
            self.held.update({ref: waiting[ref] for ref in lasting})
        self._holds.report({**self.held, **waiting})
        return [*restarts, *chosen]

    def _announce(self, count: int) -> None:
        if self._announced:
            return
        self._announced = True
        self._run.progress(Step.WAVE, f"changes to {plural(count, 'VM')} can start")

    def _end_over_budget(
        self,
        candidates: Mapping[ObjectRef, Decision],
        objects: Mapping[ObjectRef, TrackedObject],
        failures: int,
    ) -> None:
        """End the waiting VM changes, because too many changes of the run have failed."""
        budget = self._policy.failure_budget
        spent = f"{plural(failures, 'VM')} failed, and rollout.failureBudget is {budget}"
        for ref in candidates:
            written = objects[ref].written
            left = (
                "the new size is written, but the VM was not restarted"
                if written
                else "not started"
            )
            message = f"{left}: {spent}"
            why = Explanation(reason="failure-budget", message=message, hint=_BUDGET_HINT)
            self._closer.close(objects[ref], FinalResult(result=Result.NOT_STARTED, why=why))


def _failures(objects: Mapping[ObjectRef, TrackedObject]) -> int:
    return sum(1 for each in objects.values() if each.result is Result.FAILED)


def _busy(objects: Mapping[ObjectRef, TrackedObject], live: LiveState) -> list[ObjectRef]:
    """Return the VMs whose change is in flight although KubeVirt's status does not show it yet."""
    return [
        ref
        for ref, tracked in objects.items()
        if tracked.open and tracked.written and _is_disturbed(tracked, live.vmis.get(ref))
    ]


def _is_disturbed(tracked: TrackedObject, vmi: LiveVMI | None) -> bool:
    """Return whether a write disrupts the VM although the VM's status might not show it yet."""
    if tracked.restarted_at is not None:
        return True
    if tracked.action is None or tracked.action.wave is not WaveName.MEMORY:
        return False
    if any(each.verb is Verb.RESTART for each in tracked.latest.actions):
        return True
    return tracked.action.effect is Effect.LIVE and not _taken_up(tracked, vmi)


def _taken_up(tracked: TrackedObject, vmi: LiveVMI | None) -> bool:
    """Return whether the VMI's status shows the change as in flight or done."""
    if vmi is None or HOT_MEMORY_CHANGE in vmi.conditions:
        return True
    requested = vmi.guest_requested
    return requested is not None and requested == tracked.latest.target
