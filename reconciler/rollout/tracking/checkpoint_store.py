"""``CheckpointStore``: stores rollout progress in an annotation of the run's Lease.

A run reads the checkpoint once, and writes it after each change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.annotations import ROLLOUT
from reconciler.model.plan.plan import Effect
from reconciler.rollout.tracking import checkpoint_codec as codec
from reconciler.rollout.tracking.judge_convergence import is_under_way
from reconciler.rollout.tracking.overwritten_size import wanted

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.plan.plan import Decision
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.checkpoint import Checkpoint, RecordedFailure, Soak, Start
    from reconciler.ports import Lease


class CheckpointStore:
    """Reads and writes the data for later runs (the checkpoint) in an annotation of a Lease."""

    def __init__(self, lease: Lease, now: datetime) -> None:
        self._lease = lease
        found = codec.decoded(lease.annotations().get(ROLLOUT))
        self.checkpoint: Checkpoint = codec.without_expired(found.checkpoint, now)
        self.problem = found.problem
        """Why the annotation is unreadable, or an empty string if it is readable."""

    def failure_of(self, decision: Decision) -> RecordedFailure | None:
        """Return the failure of an earlier run to make the same change to the object, or None.

        An object that matches Git, or whose change is in flight, no longer counts as failed.
        """
        found = self.checkpoint.failures.get(decision.ref)
        if found is None or decision.effect is Effect.NONE or is_under_way(decision):
            return None
        same = found.uid == decision.uid and found.target == wanted(decision)
        return found if same else None

    def failed(self, ref: ObjectRef, failure: RecordedFailure) -> None:
        """Store a failure that the object's status does not show, so that later runs know it."""
        failures = {**self.checkpoint.failures, ref: failure}
        self._keep(replace(self.checkpoint, failures=failures))

    def start_of(self, decision: Decision) -> Start | None:
        """Return the stored start of a VM that an earlier run created or restarted, or None."""
        found = self.checkpoint.starts.get(decision.ref)
        if found is None or found.uid is None:
            return found
        same = found.uid == decision.uid and found.target == wanted(decision)
        return found if same else None

    def starts(self, ref: ObjectRef, start: Start) -> None:
        """Store that this run starts a VM; called before the request is sent."""
        starts = {**self.checkpoint.starts, ref: start}
        self._keep(replace(self.checkpoint, starts=starts))

    def forget(self, ref: ObjectRef) -> None:
        """Remove the stored failure and start of an object that now has the desired state."""
        known = self.checkpoint
        if ref in known.failures or ref in known.starts:
            failures = {each: why for each, why in known.failures.items() if each != ref}
            starts = {each: start for each, start in known.starts.items() if each != ref}
            self._keep(replace(known, failures=failures, starts=starts))

    def soaks(self, soak: Soak) -> None:
        """Store when the soak time began, which is when all canaries had their desired memory."""
        self._keep(replace(self.checkpoint, soak=soak))

    def _keep(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._lease.annotate({ROLLOUT: codec.encoded(checkpoint)})
