"""Stores the API server's responses until the informer shows this run's writes: ``OwnWrites``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveKubeVirt, LiveState, LiveVM
    from reconciler.model.plan.plan import Action
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.write_result import Written
    from reconciler.ports import Clock

CREATED_S = 30.0
"""Seconds for which a created VM counts as present before the informer lists the VM."""


class OwnWrites:
    """Adds the results of this run's writes to snapshots that are older than the writes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._vms: dict[ObjectRef, tuple[LiveVM, float | None]] = {}
        """Each VM in an answer, with the monotonic time of its creation if this run created it."""
        self._kubevirt: LiveKubeVirt | None = None

    def add(self, action: Action, written: Written) -> None:
        """Store the object that the API server returned in response to a write."""
        if written.kubevirt is not None:
            self._kubevirt = written.kubevirt
        elif written.vm is not None:
            created_at = self._clock.monotonic() if action.uid is None else None
            self._vms[action.ref] = written.vm, created_at
        else:
            self._vms.pop(action.ref, None)

    def overlay(self, live: LiveState) -> LiveState:
        """Return a snapshot in which objects from write responses replace older versions."""
        self._vms = {
            ref: each
            for ref, each in self._vms.items()
            if self._is_newer(*each, live.vms.get(ref))
        }
        if self._vms:
            answered = {ref: vm for ref, (vm, _) in self._vms.items()}
            live = replace(live, vms={**live.vms, **answered})
        written, seen = self._kubevirt, live.kubevirt
        if written is None or seen.uid != written.uid or seen.generation >= written.generation:
            self._kubevirt = None
            return live
        return replace(live, kubevirt=written)

    def _is_newer(self, vm: LiveVM, created_at: float | None, seen: LiveVM | None) -> bool:
        if seen is None:
            return created_at is not None and self._clock.monotonic() - created_at < CREATED_S
        return seen.uid == vm.uid and seen.generation < vm.generation
