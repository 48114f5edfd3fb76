"""The memory wave: begins changes while there is room, and follows each to the guest's memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect, Verb
from reconciler.model.run.outcome import Actuation, Result, Verdict
from reconciler.model.run.progress import Step
from reconciler.plan.vm.rules.vm_convergence import failed_in_a_row
from reconciler.rollout.limits import approval_check
from reconciler.rollout.limits.holds import Holds
from reconciler.rollout.limits.remaining_capacity import RemainingCapacity
from reconciler.rollout.tracking.checkpoint_store import CheckpointStore
from reconciler.rollout.tracking.convergence import FAILURES, convergence, is_under_way
from reconciler.rollout.tracking.reverts import lost, same_restart
from reconciler.rollout.tracking.starts import failure, gap, may_ask
from reconciler.rollout.tracking.tracked_object import TrackedObject
from reconciler.rollout.waves.completion import Closing
from reconciler.rollout.waves.dispatch import Beginning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.live.live_state import LiveMigration, LiveState, LiveVM
    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.references import ObjectRef
    from reconciler.plan.context import PlanContext
    from reconciler.plan.planner import Planner
    from reconciler.rollout.rollout_policy import RolloutPolicy
    from reconciler.rollout.run_context import Outside
    from reconciler.rollout.tracking.hold import Hold
    from reconciler.rollout.writes.send import Writes

CREATED_S = 30.0
"""How long a VM that we created is believed to be there though the informer does not show it."""


class MemoryWave:
    """The VMs of one run."""

    def __init__(
        self, plan: Plan, policy: RolloutPolicy, outside: Outside, writes: Writes
    ) -> None:
        self._outside, self._approval = outside, policy.approval
        self.can_begin = True
        """Whether changes that may be made have not been made yet."""
        self.remaining = RemainingCapacity(outside)
        self._memo = CheckpointStore(outside.memory_lease, outside.clock.now())
        if self._memo.problem:
            outside.tell(Step.LEASE, self._memo.problem)
        self._closing = Closing(outside, self._memo, policy.approval)
        self._beginning = Beginning(
            plan,
            policy,
            outside,
            writes=writes,
            closing=self._closing,
            gates=Holds(outside, self._memo),
            remaining=self.remaining,
            memo=self._memo,
        )
        self.courses: dict[ObjectRef, TrackedObject] = {}
        live = outside.informer.read()
        for decision in plan.decisions:
            if _is_vm(decision.ref) and decision.effect is not Effect.NONE:
                self.courses[decision.ref] = self._opened(decision, live)

    @property
    def open(self) -> bool:
        """Whether any VM is not done with."""
        return any(course.open for course in self.courses.values())

    @property
    def under_way(self) -> bool:
        """Whether any VM is on its way."""
        return any(course.open and course.begun for course in self.courses.values())

    @property
    def holds(self) -> Mapping[ObjectRef, Hold]:
        """Why each VM whose turn it is not did not begin in the last round."""
        return self._beginning.holds

    @property
    def held_back(self) -> bool:
        """Whether all that is open could begin, and is kept from it."""
        return self.open and all(
            ref in self.holds for ref, course in self.courses.items() if course.open
        )

    def overlaid(self, live: LiveState) -> LiveState:
        """*live* with our own writes where the informer lags behind, and with recent capacity."""
        newer = {}
        for ref, course in self.courses.items():
            if course.written is None:
                continue
            if self._ahead(course, course.written, live.vms.get(ref)):
                newer[ref] = course.written
            else:
                course.written = None
        live = replace(live, vms={**live.vms, **newer}) if newer else live
        return self.remaining.overlaid(live, self.courses.values())

    def _ahead(self, course: TrackedObject, written: LiveVM, seen: LiveVM | None) -> bool:
        """Whether the answer to our write is newer than what the informer shows."""
        if seen is None:
            created = course.action is not None and course.action.uid is None
            return created and self._outside.clock.monotonic() - course.written_at < CREATED_S
        return seen.uid == written.uid and seen.generation < written.generation

    def step(self, planner: Planner, *, may_begin: bool) -> None:
        """Look at each open VM, then begin what there is room for."""
        context = planner.context
        candidates: dict[ObjectRef, Decision] = {}
        for ref, course in self.courses.items():
            if not course.open:
                continue
            decision = planner.decision(ref)
            still_open = self._look(course, decision, context.live)
            if still_open and decision.actions and self._may_write(course, decision, context):
                candidates[ref] = decision
        self.can_begin = bool(candidates)
        self._beginning.holds.clear()
        if may_begin and candidates:
            self._beginning.begin(candidates, self.courses, planner)

    def _opened(self, decision: Decision, live: LiveState) -> TrackedObject:
        course = TrackedObject(planned=decision, latest=decision)
        vmi = live.vmis.get(decision.ref)
        course.guest_before = course.guest_now = vmi.guest_current if vmi else None
        recorded = self._memo.failure_of(decision)
        if recorded is not None:
            hint = "Git's next size, or an hour, lets it be tried again; settle who owns the field"
            course.latest = decision
            course.actuation = Actuation.SKIPPED
            self._closing.close(course, Result.FAILED, recorded.reason, recorded.message, hint)
        elif not approval_check.covers(self._approval, decision) and decision.actions:
            self._closing.not_approved(course)
        elif decision.reason in FAILURES:
            self._closing.end(course, Result.FAILED, decision)
        elif (failed := self._failed_start(decision, live)) is not None:
            course.actuation = Actuation.SKIPPED
            self._closing.close(course, Result.FAILED, *failed, decision.hint)
        elif is_under_way(decision):
            self._taken_over(course, live.vms.get(decision.ref))
        elif decision.effect is not Effect.WAIT and not decision.actions:
            self._closing.held(course, decision)
        return course

    def _taken_over(self, course: TrackedObject, vm: LiveVM | None) -> None:
        """Follow what an earlier pass or somebody else has written."""
        course.actuation = Actuation.NOT_NEEDED
        decision = course.latest
        if vm is not None and vm.guest_manager == OURS:
            course.patched_at = vm.guest_changed_at
        self._outside.tell(
            Step.FOLLOWING, decision.message, ref=decision.ref, reason=decision.reason.value
        )

    def _look(self, course: TrackedObject, decision: Decision, live: LiveState) -> bool:
        """Judge one VM from the newest snapshot; False once it is done with."""
        course.looked_at = live.observed_at
        vmi = live.vmis.get(course.ref)
        recent = _since(live.migrations.get(course.ref, ()), course.patched_at)
        if recent:
            course.migration = recent[-1]
        course.failed_migrations = max(course.failed_migrations, failed_in_a_row(recent))
        course.guest_now = vmi.guest_current if vmi else None
        if course.actuation is Actuation.PENDING and not decision.actions:
            self._landed(course, decision)
        if course.patched and decision.actions and not same_restart(decision):
            return self._lost(course, decision)
        judged = convergence(decision, patched=course.patched)
        changed = decision.message != course.latest.message
        course.latest = decision
        if (failed := self._failed_start(decision, live)) is not None:
            self._closing.close(course, Result.FAILED, *failed, decision.hint)
            return False
        if self._memo.start_of(decision) is not None and gap(decision, live):
            return True
        match judged.verdict:
            case Verdict.CURRENT:
                self._closing.end(course, Result.DONE, decision)
            case Verdict.FAILED | Verdict.NOT_FOUND:
                staged = course.planned.effect is Effect.RESTART and course.restarted_at is None
                self._closing.written(course, decision, staged=staged)
            case Verdict.HELD:
                self._closing.held(course, decision)
            case Verdict.IN_PROGRESS if changed and course.begun:
                self._outside.tell(
                    Step.PHASE,
                    decision.message,
                    ref=course.ref,
                    reason=decision.reason.value,
                    fraction=course.advance(course.migration),
                )
        return course.open

    def _landed(self, course: TrackedObject, decision: Decision) -> None:
        """The value is there though this run knows of no write of its own that was taken."""
        there = is_under_way(decision) or decision.effect is Effect.NONE
        if there and course.unanswered_at is not None:
            course.actuation, course.patched_at = Actuation.SUCCEEDED, course.unanswered_at
        elif is_under_way(decision):
            course.actuation = Actuation.NOT_NEEDED

    def _lost(self, course: TrackedObject, decision: Decision) -> bool:
        """Our value is gone: another VM has the name now, or somebody wrote another size."""
        course.latest = decision
        if course.action and course.action.uid not in (None, decision.uid):
            course.actuation, course.patched_at = Actuation.PENDING, None
            course.restarted_at = None
            self._outside.tell(
                Step.FOLLOWING, "the VM was deleted and created again; begins anew", ref=course.ref
            )
            return True
        reason, message = lost(decision)
        self._closing.close(course, Result.FAILED, reason, message, "let one tool own the field")
        return False

    def _failed_start(self, decision: Decision, live: LiveState) -> tuple[str, str] | None:
        """Why a VM that we have created or restarted, in this pass or before it, has failed."""
        start = self._memo.start_of(decision)
        if start is None:
            return None
        return failure(decision, start, live, self._outside.clock.now())

    def _may_write(self, course: TrackedObject, decision: Decision, context: PlanContext) -> bool:
        """Whether the next write of *decision* is not made already."""
        if decision.actions[0].verb is not Verb.RESTART:
            return not course.patched
        start = self._memo.start_of(decision)
        return may_ask(decision, start, context.live, context.now)


OURS = "reconciler"
"""The field manager of our writes."""


def _is_vm(ref: ObjectRef) -> bool:
    return ref.kind == "VirtualMachine"


def _since(
    migrations: tuple[LiveMigration, ...], began: datetime | None
) -> tuple[LiveMigration, ...]:
    """Those created since *began*; the server stamps whole seconds."""
    if began is None:
        return migrations
    whole = began.replace(microsecond=0)
    return tuple(each for each in migrations if not each.created_at or each.created_at >= whole)
