"""The plan again, with only those VMs decided anew of which something has changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.model.desired import DesiredVM
from reconciler.model.live import LiveMigration, LiveVM, LiveVMI
from reconciler.model.plan import Decision
from reconciler.model.refs import Location
from reconciler.plan.aim import aimed_field
from reconciler.plan.decide import assembled, frame

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.desired import DesiredState
    from reconciler.model.live import LiveState
    from reconciler.model.plan import Plan
    from reconciler.model.refs import ObjectRef
    from reconciler.plan.decide import Frame
    from reconciler.plan.policy import PlanPolicy


@dataclass(frozen=True, slots=True)
class _Kept:
    """A decision, and all that it was made from beside what every VM shares."""

    desired: DesiredVM
    at: Location | None
    vm: LiveVM | None
    vmi: LiveVMI | None
    migrations: tuple[LiveMigration, ...]
    decision: Decision


class Again:
    """Plans one state after another, equal to what ``decide`` would say of each.

    A decision is made anew where its VM, the instance, a migration or Git's word has changed, or
    where it was judged by the time or by other VMs; all are, where something changed that every
    VM shares, such as the KubeVirt CR or the nodes.
    """

    def __init__(self) -> None:
        self._shared: tuple[object, ...] = ()
        self._kept: dict[ObjectRef, _Kept] = {}
        self.decided = 0
        """How many VMs were decided anew for the last plan."""

    def decide(
        self, desired: DesiredState, live: LiveState, policy: PlanPolicy, now: datetime
    ) -> Plan:
        """As ``plan.decide.decide``."""
        around = frame(desired, live, policy, now)
        shared = _shared(around)
        before = self._kept if shared == self._shared else {}
        self._shared, self._kept, self.decided = shared, {}, 0
        return assembled(around, [self._decision(ref, around, before) for ref in around.own])

    def _decision(self, ref: ObjectRef, around: Frame, before: dict[ObjectRef, _Kept]) -> Decision:
        live, wanted = around.live, around.desired.vms[ref]
        at = around.desired.at(ref, aimed_field(wanted))
        vm, vmi = live.vms.get(ref), live.vmis.get(ref)
        migrations = live.migrations.get(ref, ())
        kept = before.get(ref)
        if (
            kept is not None
            and kept.vm is vm
            and kept.vmi is vmi
            and kept.migrations is migrations
            and (kept.desired is wanted or kept.desired == wanted)
            and (kept.at == at or not kept.decision.changes)
        ):
            if kept.at != at:
                kept = replace(kept, at=at, decision=replace(kept.decision, at=at))
            self._kept[ref] = kept
            return kept.decision
        self.decided += 1
        decision, looked_beyond = around.seen(ref)
        if not looked_beyond:
            self._kept[ref] = _Kept(wanted, at, vm, vmi, migrations, decision)
        return decision


def _shared(around: Frame) -> tuple[object, ...]:
    """What every decision is made from."""
    live = around.live
    return (
        around.before,
        around.after,
        around.policy,
        live.cluster_id,
        live.nodes,
        live.instancetypes,
        live.instancetype_kinds,
        live.diagnostics,
    )
