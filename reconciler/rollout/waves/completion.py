"""Ends the courses of VMs: each end is said, kept for later passes, and shown as an Event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fields import WaveName
from reconciler.model.plan.plan import Reason, Verb
from reconciler.model.run.checkpoint import RecordedFailure
from reconciler.model.run.outcome import Actuation, Result
from reconciler.model.run.progress import Step
from reconciler.rollout.limits import approval_check
from reconciler.rollout.tracking.convergence import FAILURES
from reconciler.rollout.tracking.reverts import wanted

if TYPE_CHECKING:
    from reconciler.model.plan.approval import Approval
    from reconciler.model.plan.plan import Decision
    from reconciler.rollout.run_context import Outside
    from reconciler.rollout.tracking.checkpoint_store import CheckpointStore
    from reconciler.rollout.tracking.tracked_object import TrackedObject


class Closing:
    """The ends of one run's VMs."""

    def __init__(self, outside: Outside, memo: CheckpointStore, approval: Approval | None) -> None:
        self._outside, self._memo, self._approval = outside, memo, approval

    def held(self, course: TrackedObject, decision: Decision) -> None:
        """Nothing can be done now; where something else was approved, that went stale."""
        stale = approval_check.difference(self._approval, decision, None)
        if stale and not course.begun:
            self.stale(course, stale)
        else:
            self.end(course, Result.HELD, decision)

    def written(self, course: TrackedObject, decision: Decision, *, staged: bool) -> None:
        """The size is written, and nothing that this run may do brings it to the guest."""
        restart = self._approval and self._approval.of(course.ref, WaveName.RESTART)
        if staged and restart:
            self.stale(course, approval_check.difference(self._approval, decision, None))
        else:
            self.end(course, Result.HELD if staged else Result.FAILED, decision)

    def stale(self, course: TrackedObject, difference: str) -> None:
        """What was approved is no longer what would happen."""
        if course.actuation is Actuation.PENDING:
            course.actuation = Actuation.SKIPPED
        self.close(course, Result.STALE, approval_check.STALE, difference, approval_check.HINT)

    def not_approved(self, course: TrackedObject) -> None:
        """Nothing was approved for the VM."""
        if course.actuation is Actuation.PENDING:
            course.actuation = Actuation.SKIPPED
        message = f"not approved, so not written: {course.latest.message}"
        self.close(course, Result.HELD, approval_check.NOT_APPROVED, message, approval_check.HINT)

    def end(self, course: TrackedObject, result: Result, decision: Decision) -> None:
        """The newest decision says how it ended."""
        course.latest = decision
        if course.actuation is Actuation.PENDING:
            course.actuation = Actuation.SKIPPED
        self.close(course, result, decision.reason.value, decision.message, decision.hint)

    def close(
        self, course: TrackedObject, result: Result, reason: str, message: str, hint: str
    ) -> None:
        """End *course* for a reason of the run itself."""
        course.end(result, reason, message, hint, self._outside.clock.now())
        left = Step.STAGED if course.patched else Step.SKIPPED
        step = {Result.DONE: Step.DONE, Result.FAILED: Step.FAILED}.get(result, left)
        if result is Result.DONE:
            self._memo.forget(course.ref)
        elif result is Result.FAILED and course.patched and reason not in _SHOWN:
            self._memo.failed(course.ref, self._failure(course, reason, message))
        self._outside.tell(
            step,
            message,
            ref=course.ref,
            reason=reason,
            fraction=1.0 if result is Result.DONE else None,
            outcome=course.outcome(),
        )
        uid = course.latest.uid
        # A VM that stands still, as it may, has reached nothing yet.
        reached = result is Result.DONE and reason != Reason.STOPPED_AS_DESIRED
        if uid and course.patched and (reached or result is Result.FAILED):
            self._outside.recorder.record(
                course.ref,
                uid,
                reason="MemoryReached" if reached else "MemoryNotReached",
                message=message,
                warning=result is Result.FAILED,
            )

    def _failure(self, course: TrackedObject, reason: str, message: str) -> RecordedFailure:
        """For later passes, which see neither our write nor what became of it."""
        created = course.action is not None and course.action.verb is Verb.CREATE
        return RecordedFailure(
            uid=None if created else course.latest.uid,
            target="" if created else wanted(course.latest),
            reason=reason,
            message=message,
            at=self._outside.clock.now(),
        )


_SHOWN = frozenset(each.value for each in FAILURES)
"""What the cluster itself shows to every pass."""
