"""``ObjectCloser``: ends the tracking of objects and stores their final results.

========= =============== ================================== ==============================
Cause     Progress, trace Event                              Checkpoint for later runs
========= =============== ================================== ==============================
JUDGED    a line          VM that was written and reached    removed when done; stored when a
                          its memory, or failed              written object failed and its
                                                             status does not show that
REFUSED   a line          WriteRefused                       none: the next run tries again
BUG       a line          none                               none: the next run plans again
RUN_ENDED the run's last  none: the change was not made yet, none: the next run continues
          line and report which the VM's owner need not know
========= =============== ================================== ==============================
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Reason, Verb
from reconciler.model.run.checkpoint import RecordedFailure
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.rollout.tracking.build_outcome import build_outcome
from reconciler.rollout.tracking.checkpoint_store import CheckpointStore
from reconciler.rollout.tracking.judge_convergence import FAILURES
from reconciler.rollout.tracking.overwritten_size import wanted
from reconciler.rollout.tracking.tracked_object import Cause, FinalResult, IllegalTransitionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.rollout.run_context import RunContext
    from reconciler.rollout.tracking.tracked_object import TrackedObject

NOT_SETTLED = "not-settled"
_BUG = "because of a bug in reconciler, the run stopped tracking this object"
_BUG_HINT = "report the bug with this message; the next run plans the object again"
_SHOWN = frozenset(each.value for each in FAILURES) | {NOT_SETTLED}
"""The failure reasons that are not stored, because later runs find them in the cluster."""


class ObjectCloser:
    """Ends the tracking of objects in a run, and stores the failures that later runs must know."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self.config = CheckpointStore(run.config_lease, run.clock.now())
        """The saved progress (checkpoint) of changes to the KubeVirt CR."""
        self.memory = CheckpointStore(run.memory_lease, run.clock.now())
        """The saved progress (checkpoint) of changes to VMs."""
        self.bug: IllegalTransitionError | None = None
        """The first illegal state transition; after it, the run sends no more writes."""

    @contextmanager
    def guard(self, tracked: TrackedObject) -> Iterator[None]:
        """Mark an object as failed if the code in the block makes an illegal state transition."""
        try:
            yield
        except IllegalTransitionError as error:
            self.bug = self.bug or error
            why = Explanation(reason="internal-error", message=f"{_BUG}: {error}", hint=_BUG_HINT)
            self.close(tracked, FinalResult(result=Result.FAILED, why=why, cause=Cause.BUG))

    def close(self, tracked: TrackedObject, final: FinalResult) -> None:
        """Stop tracking an object, and store its result in the trace, an Event and the checkpoint.

        The table in the module docstring shows what is stored where.
        """
        tracked.ended(final, self._run.clock.now())
        # A change that fails in the cluster, for example because of a quota, is still in flight.
        in_flight = tracked.applied or final.why.reason in _SHOWN
        if tracked.ref.is_vm and not in_flight and tracked.unanswered_at is None:
            self.memory.not_written(tracked.ref)
        if final.cause is Cause.RUN_ENDED:
            return
        self._store_for_later_runs(tracked, final)
        self._report_progress(tracked, final)
        self._record_event(tracked, final)

    def _store_for_later_runs(self, tracked: TrackedObject, final: FinalResult) -> None:
        store = self.memory if tracked.ref.is_vm else self.config
        if final.result is Result.DONE:
            store.forget(tracked.ref)
        elif (
            final.result is Result.FAILED
            and final.cause is Cause.JUDGED
            and tracked.written
            and final.why.reason not in _SHOWN
        ):
            store.failed(tracked.ref, self._failure(tracked, final))

    def _report_progress(self, tracked: TrackedObject, final: FinalResult) -> None:
        done, is_vm = final.result is Result.DONE, tracked.ref.is_vm
        step = Step.STAGED if is_vm and tracked.written else Step.SKIPPED
        if done or final.result is Result.FAILED:
            step = Step.DONE if done else Step.FAILED
        self._run.progress(
            step,
            final.why.message,
            ref=tracked.ref,
            reason=final.why.reason,
            fraction=1.0 if done and is_vm else None,
            outcome=build_outcome(tracked),
        )

    def _record_event(self, tracked: TrackedObject, final: FinalResult) -> None:
        uid, record = tracked.latest.uid, self._run.recorder.record
        if not uid or final.cause is Cause.BUG:
            return
        ref, message = tracked.ref, final.why.message
        if final.cause is Cause.REFUSED:
            text = f"{final.why.reason}: {message}"
            record(ref, uid, reason="WriteRefused", message=text, warning=True)
        elif ref.is_vm and tracked.written:
            # A stopped VM has no guest memory, even if Git wants it stopped.
            stopped = final.why.reason == Reason.STOPPED_AS_DESIRED
            if final.result is Result.DONE and not stopped:
                record(ref, uid, reason="MemoryReached", message=message)
            elif final.result is Result.FAILED:
                record(ref, uid, reason="MemoryNotReached", message=message, warning=True)

    def _failure(self, tracked: TrackedObject, final: FinalResult) -> RecordedFailure:
        """Build the record of an object's failure for later runs."""
        created = tracked.action is not None and tracked.action.verb is Verb.CREATE
        return RecordedFailure(
            uid=None if created else tracked.latest.uid,
            target="" if created else wanted(tracked.latest),
            why=replace(final.why, hint=""),
            at=self._run.clock.now(),
        )
