"""The plan again, with only those VMs decided anew of which something has changed."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.diagnostic import Severity
from reconciler.plan.behaviour.target_pod import rendering_of
from reconciler.plan.context import plan_context
from reconciler.plan.planner import assembled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from reconciler.model.desired.desired_state import DesiredState
    from reconciler.model.live.capacity import Room
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision, Plan
    from reconciler.model.references import ObjectRef
    from reconciler.plan.context import PlanContext
    from reconciler.plan.plan_policy import PlanPolicy


class _Kept(NamedTuple):
    """A decision, and what it was made from beside what every VM shares."""

    row: Sequence[object]
    decision: Decision


class Again:
    """Plans one state after another, equal to what ``decide`` would say of each.

    A decision is made anew where Git's word, its place, the VM, the instance or the migrations are
    not the very values that it was made from, where it was judged by pods and quotas that were
    read anew since, and where it was judged by the time or by other VMs. All are, where something
    changed that every VM shares, such as the KubeVirt CR or the nodes.

    Values are told apart by identity: two that are equal may be spelled differently, and a
    decision holds the spelling. So what has not changed must be the same value as before.
    """

    def __init__(self) -> None:
        self._shared: tuple[object, ...] = ()
        self._room: Room | None = None
        self._kept: dict[ObjectRef, _Kept] = {}
        self._by_room: set[ObjectRef] = set()
        """Those of ``_kept`` that were judged by pods and quotas."""
        self.decided = 0
        """How many VMs were decided anew for the last plan."""
        self.judged_by_room = False
        """Whether any decision of the last plan was made by pods and quotas, or lacked them."""

    def decide(
        self, desired: DesiredState, live: LiveState, policy: PlanPolicy, now: datetime
    ) -> Plan:
        """As ``plan.decide.decide``."""
        context = plan_context(desired, live, policy, now)
        self._forget(context)
        self.decided, self.judged_by_room = 0, bool(self._by_room)
        own = context.own
        sources = (desired.vms, desired.provenance, live.vms, live.vmis, live.migrations)
        rows = zip(*(map(source.get, own) for source in sources), strict=True)
        return assembled(context, list(map(self._decision, own, rows, [context] * len(own))))

    def _forget(self, context: PlanContext) -> None:
        """Drop what was decided under what is no longer so."""
        shared, room = _shared(context), context.live.room
        if shared != self._shared:
            self._kept.clear()
            self._by_room.clear()
        elif room is not self._room:
            for ref in self._by_room:
                self._kept.pop(ref, None)
            self._by_room.clear()
        self._shared, self._room = shared, room
        if len(self._kept) > len(context.desired.vms):
            for ref in self._kept.keys() - context.desired.vms.keys():
                del self._kept[ref]
                self._by_room.discard(ref)

    def _decision(self, ref: ObjectRef, row: tuple[object, ...], context: PlanContext) -> Decision:
        kept = self._kept.get(ref)
        if kept is not None and all(map(is_, kept.row, row)):
            return kept.decision
        self.decided += 1
        decision, inputs_read = context.seen(ref)
        self._kept.pop(ref, None)
        self._by_room.discard(ref)
        if not inputs_read.beyond:
            self._kept[ref] = _Kept(row, decision)
        if inputs_read.room_seen:
            self.judged_by_room = True
            if not inputs_read.beyond:
                self._by_room.add(ref)
        return decision


def _shared(context: PlanContext) -> tuple[object, ...]:
    """What every decision is made from."""
    live = context.live
    return (
        context.before,
        context.after,
        context.policy,
        rendering_of(live.kubevirt),
        live.cluster_id,
        live.nodes,
        live.instancetypes,
        live.instancetype_kinds,
        live.diagnostics,
        # Those that are equal may be spelled differently, and messages quote them.
        *(each.max_guest and each.max_guest.raw for each in (context.before, context.after)),
        tuple(each for each in context.desired.diagnostics if each.severity is Severity.ERROR),
    )
