"""Begins changes: those whose turn it is, for which there is room, and which are approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fields import WaveName
from reconciler.model.live.live_state import is_true
from reconciler.model.plan.plan import Effect, Verb
from reconciler.model.references import ObjectRef
from reconciler.model.run.checkpoint import Start
from reconciler.model.run.outcome import Actuation, Result
from reconciler.model.run.progress import Step
from reconciler.plan.ordering import groups_of
from reconciler.rollout.limits import approval_check, pacing
from reconciler.rollout.tracking.hold import Hold
from reconciler.rollout.tracking.reverts import wanted
from reconciler.rollout.tracking.starts import starts_itself
from reconciler.rollout.tracking.tracked_object import TrackedObject
from reconciler.rollout.writes.send import PendingWrite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.live.live_state import LiveState, LiveVMI
    from reconciler.model.plan.plan import Action, Decision, Plan
    from reconciler.plan.context import PlanContext
    from reconciler.plan.planner import Planner
    from reconciler.rollout.limits.holds import Holds
    from reconciler.rollout.limits.remaining_capacity import RemainingCapacity
    from reconciler.rollout.rollout_policy import RolloutPolicy
    from reconciler.rollout.run_context import Outside
    from reconciler.rollout.tracking.checkpoint_store import CheckpointStore
    from reconciler.rollout.waves.completion import Closing
    from reconciler.rollout.writes.send import Writes


class Beginning:
    """The beginnings of one run's VMs."""

    def __init__(
        self,
        plan: Plan,
        policy: RolloutPolicy,
        outside: Outside,
        *,
        writes: Writes,
        closing: Closing,
        gates: Holds,
        remaining: RemainingCapacity,
        memo: CheckpointStore,
    ) -> None:
        self._policy, self._outside, self._writes = policy, outside, writes
        self._closing, self._gates, self._remaining, self._memo = closing, gates, remaining, memo
        self._order = dict.fromkeys(action.ref for wave in plan.waves for action in wave.actions)
        self._begun = False
        self.holds: dict[ObjectRef, Hold] = {}
        """Why each VM whose turn it is not did not begin in the last round."""

    def begin(
        self,
        candidates: Mapping[ObjectRef, Decision],
        courses: Mapping[ObjectRef, TrackedObject],
        planner: Planner,
    ) -> None:
        """Begin what may begin of *candidates*, each with the next write to be made.

        Raises:
            ClusterError: The server's answer ends the run, such as 401.
        """
        context, failures = planner.context, _failures(courses)
        if failures >= self._policy.failure_budget:
            self._stop(candidates, courses, failures)
            return
        now = self._outside.clock.monotonic()
        self._gates.look(planner, courses)
        ready: list[Decision] = []
        for ref in self._ordered(candidates):
            hold = self._gates.hold(candidates[ref], context)
            courses[ref].hold = hold
            if hold is not None:
                self.holds[ref] = hold
            elif courses[ref].not_before <= now:
                ready.append(candidates[ref])
        chosen = self._chosen(ready, candidates, courses, context)
        self._writes.send_each(
            self._turns(chosen, courses, context, len(candidates)), self._outside.memory_lease
        )

    def _turns(
        self,
        chosen: list[Decision],
        courses: Mapping[ObjectRef, TrackedObject],
        context: PlanContext,
        count: int,
    ) -> Iterator[PendingWrite]:
        """The writes that may be sent, each looked at again right before that."""
        failures, unheard = _failures(courses), list[TrackedObject]()
        for decision in chosen:
            course, action = courses[decision.ref], decision.actions[0]
            if not approval_check.covers(self._policy.approval, decision):
                self._closing.not_approved(course)
                continue
            stale = approval_check.difference(self._policy.approval, decision, action)
            if stale:
                self._closing.stale(course, stale)
                continue
            # Answers come in the meantime; one that has been heard cannot turn into a failure.
            failures += sum(each.result is Result.FAILED for each in unheard)
            unheard = [each for each in unheard if each.open and each.unanswered_at is not None]
            spent = failures >= self._policy.failure_budget
            if spent or not self._writes.may_send(self._outside.memory_lease):
                return
            if action.verb is Verb.RESTART and not self._still_waits(decision):
                continue
            self._announce(count)
            vm = context.live.vms.get(decision.ref)
            self._note_start(decision, action, context)
            unheard.append(course)
            yield PendingWrite(course=course, decision=decision, action=action, vm=vm)

    def _still_waits(self, decision: Decision) -> bool:
        """Whether the VM itself, read now, waits for a restart that nobody has asked for.

        A restart carries no guard, and the informer may lag behind.
        """
        vm = self._outside.writer.read_vm(decision.ref)
        if vm is None or vm.uid != decision.uid or vm.restart_asked:
            return False
        return is_true(vm.conditions, "RestartRequired")

    def _note_start(self, decision: Decision, action: Action, context: PlanContext) -> None:
        """Let later passes know that the VM is ours to bring up, before it goes down."""
        created = action.verb is Verb.CREATE and starts_itself(action.manifest or {})
        if not created and action.verb is not Verb.RESTART:
            return
        vmi = context.live.vmis.get(decision.ref)
        start = Start(
            uid=decision.uid,
            target=wanted(decision),
            instance=vmi.uid if vmi is not None else None,
            at=self._outside.clock.now(),
        )
        self._memo.starts(decision.ref, start)

    def _chosen(
        self,
        ready: list[Decision],
        candidates: Mapping[ObjectRef, Decision],
        courses: Mapping[ObjectRef, TrackedObject],
        context: PlanContext,
    ) -> list[Decision]:
        """Restarts whose size is written go on; of the rest, those for which there is room."""
        going_on = [each for each in ready if courses[each.ref].patched]
        new = [each for each in ready if not courses[each.ref].patched]
        keys, waits = context.policy.anti_affinity, dict[ObjectRef, str]()
        chosen = pacing.may_begin(
            new,
            context.live,
            context.before,
            context.policy,
            busy=_busy(courses, context.live),
            waits=waits,
            fits=self._remaining.fits(context.live, courses, candidates),
            groups_of=lambda ref: groups_of(ref, context.desired, context.live, keys),
        )
        waiting = {
            ref: Hold(reason="waits-for-place", message=message) for ref, message in waits.items()
        }
        for ref, hold in waiting.items():
            courses[ref].hold = hold
        given_up = {ref for ref, each in courses.items() if each.result is Result.FAILED}
        taken = pacing.disturbed(context.live)
        if taken <= given_up:
            # KubeVirt goes on with those that were given up, so that no place will ever be free.
            # Room is known only as it was when it was last read.
            stays = {ref for ref, why in waits.items() if taken or why != pacing.CAPACITY_TAKEN}
            self.holds.update({ref: waiting[ref] for ref in stays})
        self._gates.tell({**self.holds, **waiting})
        return [*going_on, *chosen]

    def _announce(self, count: int) -> None:
        if self._begun:
            return
        self._begun = True
        plural = "" if count == 1 else "s"
        self._outside.tell(Step.WAVE, f"wave memory: {count} VM{plural} to change")

    def _ordered(self, candidates: Mapping[ObjectRef, Decision]) -> list[ObjectRef]:
        first = [ref for ref in self._order if ref in candidates]
        return first + [ref for ref in candidates if ref not in self._order]

    def _stop(
        self,
        candidates: Mapping[ObjectRef, Decision],
        courses: Mapping[ObjectRef, TrackedObject],
        failures: int,
    ) -> None:
        """Close what has not begun, once the failure budget is spent."""
        vms = f"{failures} VM{'s' if failures > 1 else ''}"
        message = f"not begun: {vms} failed and the failure budget is "
        message += f"{self._policy.failure_budget}"
        hint = "look at the failures first; raise rollout.failureBudget to go on regardless"
        for ref in candidates:
            course = courses[ref]
            said = message
            if course.patched:
                said = f"its size is written, and it was not restarted: {message}"
            else:
                course.actuation = Actuation.SKIPPED
            self._closing.close(course, Result.NOT_STARTED, "failure-budget", said, hint)


def _failures(courses: Mapping[ObjectRef, TrackedObject]) -> int:
    return sum(1 for each in courses.values() if each.result is Result.FAILED)


def _busy(courses: Mapping[ObjectRef, TrackedObject], live: LiveState) -> list[ObjectRef]:
    """VMs whose change KubeVirt has not taken up visibly yet, in flight all the same."""
    return [
        ref
        for ref, course in courses.items()
        if course.open and course.patched and _disturbed(course, live.vmis.get(ref))
    ]


def _disturbed(course: TrackedObject, vmi: LiveVMI | None) -> bool:
    """Whether a VM that this run wrote is disturbed by it, beyond what the snapshot shows."""
    if course.restarted_at is not None:
        return True
    if course.action is None or course.action.wave is not WaveName.MEMORY:
        return False
    if any(each.verb is Verb.RESTART for each in course.latest.actions):
        return True
    return course.action.effect is Effect.LIVE and not _taken_up(course, vmi)


def _taken_up(course: TrackedObject, vmi: LiveVMI | None) -> bool:
    """Whether the instance shows the change: as in flight, or as done."""
    if vmi is None or "HotMemoryChange" in vmi.conditions:
        return True
    requested = vmi.guest_requested
    return requested is not None and requested == course.latest.target
