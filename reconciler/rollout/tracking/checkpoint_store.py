"""The record of a rollout, in the notes of its lease: read once, written whenever it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect
from reconciler.rollout.tracking import checkpoint_codec as codec
from reconciler.rollout.tracking.convergence import is_under_way
from reconciler.rollout.tracking.reverts import wanted

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.plan.plan import Decision
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.checkpoint import Record, RecordedFailure, Soak, Start
    from reconciler.ports import Lease


class CheckpointStore:
    """One run's hold of what earlier runs have left."""

    def __init__(self, lease: Lease, now: datetime) -> None:
        self._lease = lease
        read = codec.decoded(lease.notes().get(codec.NOTE))
        self.record: Record = codec.lapsed(read.record, now)
        self.problem = read.problem
        """Why what earlier runs have left cannot be read; empty where it can."""

    def failure_of(self, decision: Decision) -> RecordedFailure | None:
        """A failure that holds for what is decided now: the same VM, and the same size wanted.

        Whatever was in the way then, what is under way or as desired now is no failure.
        """
        found = self.record.failures.get(decision.ref)
        if found is None or decision.effect is Effect.NONE or is_under_way(decision):
            return None
        same = found.uid == decision.uid and found.target == wanted(decision)
        return found if same else None

    def failed(self, ref: ObjectRef, failure: RecordedFailure) -> None:
        """Remember a failure that the object itself does not show."""
        self._keep(replace(self.record, failures={**self.record.failures, ref: failure}))

    def start_of(self, decision: Decision) -> Start | None:
        """The start that was asked for by us: of a VM that we created, or with this size."""
        found = self.record.starts.get(decision.ref)
        if found is None or found.uid is None:
            return found
        same = found.uid == decision.uid and found.target == wanted(decision)
        return found if same else None

    def starts(self, ref: ObjectRef, start: Start) -> None:
        """Remember that a VM is to come up, before that is asked for."""
        self._keep(replace(self.record, starts={**self.record.starts, ref: start}))

    def forget(self, ref: ObjectRef) -> None:
        """The object is as desired."""
        if ref in self.record.failures or ref in self.record.starts:
            failures = {each: why for each, why in self.record.failures.items() if each != ref}
            starts = {each: start for each, start in self.record.starts.items() if each != ref}
            self._keep(replace(self.record, failures=failures, starts=starts))

    def soaks(self, soak: Soak) -> None:
        """Remember since when the canaries have what Git wants."""
        self._keep(replace(self.record, soak=soak))

    def _keep(self, record: Record) -> None:
        self.record = record
        self._lease.note({codec.NOTE: codec.encoded(record)})
