"""Stores the API server's answers to our writes until the informer has them: ``OwnWrites``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.model.live.live_state import LiveKubeVirt, LiveVM

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Action
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.write_result import Written
    from reconciler.ports import Clock

CREATED_S = 30.0
"""Seconds for which a VM that we created counts as present before the informer has seen it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    vm: LiveVM
    created_at: float | None
    """The monotonic time of the VM's creation in seconds; None if the VM existed before."""


class OwnWrites:
    """Adds the results of our own writes to older snapshots, so that decisions include them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._vms: dict[ObjectRef, _Answer] = {}
        self._kubevirt: LiveKubeVirt | None = None

    def add(self, action: Action, written: Written) -> None:
        """Store the object in the API server's answer to *action*."""
        if written.kubevirt is not None:
            self._kubevirt = written.kubevirt
        elif written.vm is not None:
            created_at = self._clock.monotonic() if action.uid is None else None
            self._vms[action.ref] = _Answer(vm=written.vm, created_at=created_at)
        else:
            self._vms.pop(action.ref, None)

    def overlay(self, live: LiveState) -> LiveState:
        """Return *live* with all newer answers; drop the answers that the informer already has."""
        self._vms = {
            ref: each for ref, each in self._vms.items() if self._is_newer(each, live.vms.get(ref))
        }
        if self._vms:
            answered = {ref: each.vm for ref, each in self._vms.items()}
            live = replace(live, vms={**live.vms, **answered})
        written, seen = self._kubevirt, live.kubevirt
        if written is None or seen.uid != written.uid or seen.generation >= written.generation:
            self._kubevirt = None
            return live
        return replace(live, kubevirt=written)

    def _is_newer(self, answer: _Answer, seen: LiveVM | None) -> bool:
        if seen is None:
            created = answer.created_at
            return created is not None and self._clock.monotonic() - created < CREATED_S
        return seen.uid == answer.vm.uid and seen.generation < answer.vm.generation
