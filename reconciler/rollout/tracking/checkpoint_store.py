"""``CheckpointStore``: stores rollout progress in an annotation of the run's Lease.

A run reads the checkpoint once, and writes it after each change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.annotations import ROLLOUT
from reconciler.model.plan.plan import Effect
from reconciler.model.run.checkpoint import UID_LENGTH, WrittenSize
from reconciler.rollout.tracking import checkpoint_codec as codec
from reconciler.rollout.tracking.judge_convergence import is_under_way
from reconciler.rollout.tracking.overwritten_size import wanted

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
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

    def commit_of(self, decision: Decision) -> str:
        """Return the commit from which a run wrote the VM's desired size, or an empty string."""
        found = self.checkpoint.written.get(decision.ref)
        if found is None or found.target != wanted(decision):
            return ""
        return found.commit if (decision.uid or "").startswith(found.uid) else ""

    def writes(self, decisions: Iterable[Decision], commit: str) -> None:
        """Store the commit of changes to VMs; called before the requests are sent.

        A change to a stopped VM ends with its write, so no later run finds it in flight.
        """
        new = {
            each.ref: WrittenSize(
                uid=(each.uid or "")[:UID_LENGTH], target=wanted(each), commit=commit
            )
            for each in decisions
            if each.effect is not Effect.COLD
        }
        known = self.checkpoint.written
        if any(known.get(ref) != each for ref, each in new.items()):
            kept = {ref: each for ref, each in known.items() if ref not in new}
            self._keep(replace(self.checkpoint, written={**kept, **new}))

    def keep_written(self, refs: Container[ObjectRef]) -> None:
        """Remove the commits of all changes except those to the given VMs."""
        known = self.checkpoint.written
        left = {ref: each for ref, each in known.items() if ref in refs}
        if len(left) < len(known):
            self._keep_later(replace(self.checkpoint, written=left))

    def not_written(self, ref: ObjectRef) -> None:
        """Remove the commit of a change that is not in flight."""
        if ref in self.checkpoint.written:
            left = {each: size for each, size in self.checkpoint.written.items() if each != ref}
            self._keep_later(replace(self.checkpoint, written=left))

    def forget(self, ref: ObjectRef) -> None:
        """Remove the stored failure and start of an object that now has the desired state."""
        self.not_written(ref)
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

    def _keep_later(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint with the next renewal of the Lease, without a request of its own."""
        self.checkpoint = checkpoint
        self._lease.annotate_later({ROLLOUT: codec.encoded(checkpoint)})
