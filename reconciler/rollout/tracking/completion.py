"""Closes tracked objects and records their results: only ``Completion.close`` does this.

========= =============== ================================== ==============================
Cause     Progress, trace Event                              Checkpoint for later runs
========= =============== ================================== ==============================
JUDGED    a line          VM that was written and reached    removed when done; stored when a
                          its memory, or failed              written object failed and its
                                                             status does not show that
REFUSED   a line          WriteRefused                       none: the next run tries again
RUN_ENDED the run's last  none: the change was not made yet, none: the next run continues
          line and report which the VM's owner need not know
========= =============== ================================== ==============================
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason, Verb
from reconciler.model.run.checkpoint import RecordedFailure
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.rollout.tracking.checkpoint_store import CheckpointStore
from reconciler.rollout.tracking.convergence import FAILURES
from reconciler.rollout.tracking.end import Cause
from reconciler.rollout.tracking.reverts import wanted

if TYPE_CHECKING:
    from reconciler.rollout.run_context import RunContext
    from reconciler.rollout.tracking.end import End
    from reconciler.rollout.tracking.tracked_object import TrackedObject

NOT_SETTLED = "not-settled"
_SHOWN = frozenset(each.value for each in FAILURES) | {NOT_SETTLED}
"""The reasons of failures that every later run can see in the cluster itself."""


class Completion:
    """Closes the tracked objects of one run, and stores failures that later runs must know."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self.config = CheckpointStore(run.config_lease, run.clock.now())
        """The checkpoint of the KubeVirt CR."""
        self.memory = CheckpointStore(run.memory_lease, run.clock.now())
        """The checkpoint of VMs."""

    def close(self, tracked: TrackedObject, end: End) -> None:
        """Close *tracked*, and record its result as the table in the module docstring says."""
        tracked.ended(end, self._run.clock.now())
        if end.cause is Cause.RUN_ENDED:
            return
        self._keep_for_later_passes(tracked, end)
        self._report_progress(tracked, end)
        self._leave_event(tracked, end)

    def _keep_for_later_passes(self, tracked: TrackedObject, end: End) -> None:
        store = self.memory if tracked.ref.is_vm else self.config
        if end.result is Result.DONE:
            store.forget(tracked.ref)
        elif (
            end.result is Result.FAILED
            and end.cause is Cause.JUDGED
            and tracked.written
            and end.why.reason not in _SHOWN
        ):
            store.failed(tracked.ref, self._failure(tracked, end))

    def _report_progress(self, tracked: TrackedObject, end: End) -> None:
        done, is_vm = end.result is Result.DONE, tracked.ref.is_vm
        step = Step.STAGED if is_vm and tracked.written else Step.SKIPPED
        if done or end.result is Result.FAILED:
            step = Step.DONE if done else Step.FAILED
        self._run.progress(
            step,
            end.why.message,
            ref=tracked.ref,
            reason=end.why.reason,
            fraction=1.0 if done and is_vm else None,
            outcome=tracked.outcome(),
        )

    def _leave_event(self, tracked: TrackedObject, end: End) -> None:
        uid, record = tracked.latest.uid, self._run.recorder.record
        if not uid:
            return
        ref, message = tracked.ref, end.why.message
        if end.cause is Cause.REFUSED:
            text = f"{end.why.reason}: {message}"
            record(ref, uid, reason="WriteRefused", message=text, warning=True)
        elif ref.is_vm and tracked.written:
            # A stopped VM has no guest memory, even if Git wants it stopped.
            stopped = end.why.reason == Reason.STOPPED_AS_DESIRED
            if end.result is Result.DONE and not stopped:
                record(ref, uid, reason="MemoryReached", message=message)
            elif end.result is Result.FAILED:
                record(ref, uid, reason="MemoryNotReached", message=message, warning=True)

    def _failure(self, tracked: TrackedObject, end: End) -> RecordedFailure:
        """Return the failure to store for later runs, which cannot see it in the cluster."""
        created = tracked.action is not None and tracked.action.verb is Verb.CREATE
        return RecordedFailure(
            uid=None if created else tracked.latest.uid,
            target="" if created else wanted(tracked.latest),
            why=replace(end.why, hint=""),
            at=self._run.clock.now(),
        )
