"""The record of a rollout, in the notes of its lease: read once, written whenever it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.rollout import record as codec
from reconciler.rollout.losses import wanted

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.plan import Decision
    from reconciler.model.record import Record, RecordedFailure, Soak
    from reconciler.model.refs import ObjectRef
    from reconciler.ports import Lease


class Memo:
    """One run's hold of what earlier runs have left."""

    def __init__(self, lease: Lease, now: datetime) -> None:
        self._lease = lease
        read = codec.decoded(lease.notes().get(codec.NOTE))
        self.record: Record = codec.lapsed(read.record, now)
        self.problem = read.problem
        """Why what earlier runs have left cannot be read; empty where it can."""

    def failure_of(self, decision: Decision) -> RecordedFailure | None:
        """A failure that holds for what is decided now: the same VM, and the same size wanted."""
        found = self.record.failures.get(decision.ref)
        if found is None or not decision.actions:
            return None
        same = found.uid == decision.uid and found.target == wanted(decision)
        return found if same else None

    def failed(self, ref: ObjectRef, failure: RecordedFailure) -> None:
        """Remember a failure that the object itself does not show."""
        self._keep(replace(self.record, failures={**self.record.failures, ref: failure}))

    def forget(self, ref: ObjectRef) -> None:
        """The object is as desired."""
        if ref in self.record.failures:
            rest = {each: why for each, why in self.record.failures.items() if each != ref}
            self._keep(replace(self.record, failures=rest))

    def soaks(self, soak: Soak) -> None:
        """Remember since when the canaries have what Git wants."""
        self._keep(replace(self.record, soak=soak))

    def _keep(self, record: Record) -> None:
        self.record = record
        self._lease.note({codec.NOTE: codec.encoded(record)})
