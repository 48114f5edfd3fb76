"""The memory wave: begins changes while there is room, and follows each to the guest's memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.outcome import Actuation, Result, Verdict
from reconciler.model.plan import Effect
from reconciler.model.progress import Step
from reconciler.plan.rules.standing import failed_in_a_row
from reconciler.rollout import writing
from reconciler.rollout.convergence import FAILURES, UNDER_WAY, convergence
from reconciler.rollout.course import Course
from reconciler.rollout.pacing import may_begin as room_for
from reconciler.rollout.rooms import Rooms

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.live import LiveMigration, LiveState, LiveVM, LiveVMI
    from reconciler.model.plan import Action, Decision, Plan
    from reconciler.model.refs import ObjectRef
    from reconciler.plan.decide import Frame
    from reconciler.rollout.outside import Outside
    from reconciler.rollout.pacing import RolloutPolicy

CREATED_S = 30.0
"""How long a VM that we created is believed to be there though the feed does not show it."""


class MemoryWave:
    """The VMs of one run."""

    def __init__(self, plan: Plan, policy: RolloutPolicy, outside: Outside) -> None:
        self._policy, self._outside = policy, outside
        self._order = [
            action.ref for wave in plan.waves for action in wave.actions if _is_vm(action.ref)
        ]
        self._begun = False
        self._budget_told = False
        self.can_begin = True
        """Whether changes that may be made have not been made yet."""
        self.rooms = Rooms(outside)
        self.courses: dict[ObjectRef, Course] = {}
        live = outside.feed.current()
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

    def overlaid(self, live: LiveState) -> LiveState:
        """*live*, with our own writes where the feed has not caught up, and with room enough."""
        newer = {}
        for ref, course in self.courses.items():
            if course.written is None:
                continue
            if self._ahead(course, course.written, live.vms.get(ref)):
                newer[ref] = course.written
            else:
                course.written = None
        live = replace(live, vms={**live.vms, **newer}) if newer else live
        return self.rooms.overlaid(live, self.courses.values())

    def _ahead(self, course: Course, written: LiveVM, seen: LiveVM | None) -> bool:
        """Whether the answer to our write is newer than what the feed shows."""
        if seen is None:
            created = course.action is not None and course.action.uid is None
            return created and self._outside.clock.monotonic() - course.written_at < CREATED_S
        return seen.uid == written.uid and seen.generation < written.generation

    def step(self, around: Frame, *, may_begin: bool) -> None:
        """Look at each open VM, then begin what there is room for."""
        candidates: dict[ObjectRef, Decision] = {}
        for ref, course in self.courses.items():
            if not course.open:
                continue
            decision = around.vm(ref)
            still_open = self._look(course, decision, around.live)
            if still_open and decision.actions and not course.patched:
                candidates[ref] = decision
        self.can_begin = bool(candidates)
        if may_begin and candidates:
            self._begin(candidates, around)

    def _opened(self, decision: Decision, live: LiveState) -> Course:
        course = Course(planned=decision, latest=decision)
        vmi = live.vmis.get(decision.ref)
        course.guest_before = course.guest_now = vmi.guest_current if vmi else None
        if decision.reason in FAILURES:
            self._end(course, Result.FAILED, decision)
        elif decision.reason in UNDER_WAY:
            course.actuation = Actuation.NOT_NEEDED
            self._outside.tell(
                Step.FOLLOWING, decision.message, ref=decision.ref, reason=decision.reason.value
            )
        elif decision.effect is not Effect.WAIT and not decision.actions:
            self._end(course, Result.HELD, decision)
        return course

    def _look(self, course: Course, decision: Decision, live: LiveState) -> bool:
        """Judge one VM from the newest snapshot; False once it is done with."""
        vmi = live.vmis.get(course.ref)
        recent = _since(live.migrations.get(course.ref, ()), course.patched_at)
        if recent:
            course.migration = recent[-1]
        course.failed_migrations = max(course.failed_migrations, failed_in_a_row(recent))
        course.guest_now = vmi.guest_current if vmi else None
        if decision.reason in UNDER_WAY and course.actuation is Actuation.PENDING:
            course.actuation = Actuation.NOT_NEEDED
        if course.patched and decision.actions:
            return self._lost(course, decision)
        judged = convergence(decision, patched=course.patched)
        changed = decision.message != course.latest.message
        course.latest = decision
        match judged.verdict:
            case Verdict.CURRENT:
                self._end(course, Result.DONE, decision)
            case Verdict.FAILED | Verdict.NOT_FOUND:
                staged = course.planned.effect is Effect.RESTART
                self._end(course, Result.HELD if staged else Result.FAILED, decision)
            case Verdict.HELD:
                self._end(course, Result.HELD, decision)
            case Verdict.IN_PROGRESS if changed and course.begun:
                self._outside.tell(
                    Step.PHASE,
                    decision.message,
                    ref=course.ref,
                    reason=decision.reason.value,
                    fraction=course.advance(course.migration),
                )
        return course.open

    def _lost(self, course: Course, decision: Decision) -> bool:
        """Our value is gone: another VM has the name now, or somebody wrote another size."""
        course.latest = decision
        if course.action and course.action.uid not in (None, decision.uid):
            course.actuation, course.patched_at = Actuation.PENDING, None
            self._outside.tell(
                Step.FOLLOWING, "the VM was deleted and created again; begins anew", ref=course.ref
            )
            return True
        if decision.effect is Effect.CREATE:
            message = "the VM was created, and somebody deleted it"
            course.end(Result.FAILED, "deleted", message, "", self._outside.clock.now())
            self._outside.tell(Step.FAILED, message, ref=course.ref, reason="deleted")
            return False
        found = decision.changes[0].before if decision.changes else "another size"
        writer = f" ({decision.owner})" if decision.owner else ""
        message = f"somebody{writer} wrote {found} over our patch; it is not written again"
        hint = "let one tool own the field"
        course.end(Result.FAILED, "reverted", message, hint, self._outside.clock.now())
        self._outside.tell(Step.FAILED, message, ref=course.ref, reason="reverted")
        return False

    def _begin(self, candidates: dict[ObjectRef, Decision], around: Frame) -> None:
        failures = sum(1 for each in self.courses.values() if each.result is Result.FAILED)
        if failures >= self._policy.failure_budget:
            self._stop(candidates, failures)
            return
        if not self._begun:
            self._begun = True
            count = len(candidates)
            plural = "" if count == 1 else "s"
            self._outside.tell(Step.WAVE, f"wave memory: {count} VM{plural} to change")
        now = self._outside.clock.monotonic()
        due = [ref for ref in self._ordered(candidates) if self.courses[ref].not_before <= now]
        actions: list[Action] = [candidates[ref].actions[0] for ref in due]
        chosen = room_for(
            actions,
            around.live,
            around.before,
            self._policy,
            just_patched=self._just_patched(around.live),
            failures=failures,
            fits=self.rooms.fits(around.live, self.courses, candidates),
        )
        for action in chosen:
            if self._outside.stopping() or not self._outside.lease.held():
                return
            course = self.courses[action.ref]
            writing.write(course, candidates[action.ref], action, self._outside)

    def _ordered(self, candidates: dict[ObjectRef, Decision]) -> list[ObjectRef]:
        first = [ref for ref in self._order if ref in candidates]
        known = set(first)
        return first + [ref for ref in candidates if ref not in known]

    def _just_patched(self, live: LiveState) -> list[ObjectRef]:
        """VMs whose change KubeVirt has not taken up visibly yet, in flight all the same."""
        return [
            ref
            for ref, course in self.courses.items()
            if course.open
            and course.patched
            and course.action is not None
            and course.action.effect is Effect.LIVE
            and not _taken_up(course, live.vmis.get(ref))
        ]

    def _stop(self, candidates: dict[ObjectRef, Decision], failures: int) -> None:
        """Close what has not begun, once the failure budget is spent."""
        message = f"not begun: {failures} VMs failed and the failure budget is "
        message += f"{self._policy.failure_budget}"
        for ref in candidates:
            course = self.courses[ref]
            course.actuation = Actuation.SKIPPED
            hint = "look at the failures first; raise rollout.failureBudget to go on regardless"
            course.end(
                Result.NOT_STARTED, "failure-budget", message, hint, self._outside.clock.now()
            )
            self._outside.tell(Step.SKIPPED, message, ref=ref, reason="failure-budget")

    def _end(self, course: Course, result: Result, decision: Decision) -> None:
        now = self._outside.clock.now()
        course.end(result, decision.reason.value, decision.message, decision.hint, now)
        course.latest = decision
        if course.actuation is Actuation.PENDING:
            course.actuation = Actuation.SKIPPED
        step = {Result.DONE: Step.DONE, Result.FAILED: Step.FAILED}.get(result, Step.SKIPPED)
        self._outside.tell(
            step,
            decision.message,
            ref=course.ref,
            reason=decision.reason.value,
            fraction=1.0 if result is Result.DONE else None,
        )
        if decision.uid and course.patched and result in (Result.DONE, Result.FAILED):
            self._outside.recorder.record(
                course.ref,
                decision.uid,
                reason="MemoryReached" if result is Result.DONE else "MemoryNotReached",
                message=decision.message,
                warning=result is Result.FAILED,
            )


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


def _taken_up(course: Course, vmi: LiveVMI | None) -> bool:
    """Whether the instance shows the change: as in flight, or as done."""
    if vmi is None or "HotMemoryChange" in vmi.conditions:
        return True
    requested = vmi.guest_requested
    return requested is not None and requested == course.latest.target
