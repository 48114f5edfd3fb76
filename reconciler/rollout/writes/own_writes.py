"""``OwnWrites``: keeps the objects that write responses contain until the informer has them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.live.live_owner import LiveOwner
    from reconciler.model.live.live_state import LiveKubeVirt, LiveState, LiveVM
    from reconciler.model.plan.plan import Action
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.write_result import Written
    from reconciler.ports import Clock

CREATED_S = 30.0
"""Seconds for which a created VM or a written annotation can be missing in the informer."""


class OwnWrites:
    """Adds the results of this run's writes to snapshots that are older than the writes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._vms: dict[ObjectRef, tuple[LiveVM, float | None]] = {}
        """The VMs in write responses, each with the monotonic time of its creation by the run."""
        self._kubevirt: LiveKubeVirt | None = None
        self._owners: dict[ObjectRef, tuple[LiveOwner, float]] = {}
        """HyperConverged and similar objects in write responses, with each response's time."""

    def add(self, action: Action, written: Written) -> None:
        """Store the object that the API server returned in response to a write."""
        if written.owner is not None:
            self._owners[written.owner.ref] = written.owner, self._clock.monotonic()
        elif written.kubevirt is not None:
            self._kubevirt = written.kubevirt
        elif written.vm is not None:
            created_at = self._clock.monotonic() if action.uid is None else None
            self._vms[action.ref] = written.vm, created_at
        else:
            self._vms.pop(action.ref, None)

    def overlay(self, live: LiveState) -> LiveState:
        """Return a snapshot in which newer objects from write responses replace older ones."""
        self._vms = {
            ref: each
            for ref, each in self._vms.items()
            if self._is_newer(*each, live.vms.get(ref))
        }
        if self._vms:
            answered = {ref: vm for ref, (vm, _) in self._vms.items()}
            live = replace(live, vms={**live.vms, **answered})
        live = self._with_owners(live)
        written, seen = self._kubevirt, live.kubevirt
        if written is None or seen.uid != written.uid or seen.generation >= written.generation:
            self._kubevirt = None
            return live
        return replace(live, kubevirt=written)

    def _with_owners(self, live: LiveState) -> LiveState:
        """Return a snapshot with newer HyperConverged or similar objects from write responses."""
        self._owners = {
            each.ref: self._owners[each.ref]
            for each in live.owners
            if each.ref in self._owners and self._is_newer_owner(*self._owners[each.ref], each)
        }
        if not self._owners:
            return live
        owners = (self._owners.get(each.ref, (each, 0.0))[0] for each in live.owners)
        return replace(live, owners=tuple(owners))

    def _is_newer_owner(self, written: LiveOwner, at: float, seen: LiveOwner) -> bool:
        if seen.uid != written.uid or seen.generation != written.generation:
            return seen.uid == written.uid and seen.generation < written.generation
        # A write of an annotation does not change the generation.
        shown = seen.json_patch == written.json_patch
        return not shown and self._clock.monotonic() - at < CREATED_S

    def _is_newer(self, vm: LiveVM, created_at: float | None, seen: LiveVM | None) -> bool:
        if seen is None:
            return created_at is not None and self._clock.monotonic() - created_at < CREATED_S
        return seen.uid == vm.uid and seen.generation < vm.generation
