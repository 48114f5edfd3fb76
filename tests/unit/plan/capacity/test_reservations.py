"""Tests how much capacity is reserved when a change starts."""

from __future__ import annotations

from dataclasses import replace

from support.builders import VM, make_live, make_vm, q

from reconciler.model.explanation import Explanation
from reconciler.model.fields import INSTANCETYPE_NAME, WaveName
from reconciler.model.live.live_state import LiveInstancetype
from reconciler.model.plan.plan import Change, Decision, Effect, Reason
from reconciler.model.references import Uid, instancetype_ref
from reconciler.plan.capacity.reservations import grown_to


def test_capacity_reservation_uses_the_memory_size_of_the_instancetype():
    small, large = (
        LiveInstancetype(
            ref=instancetype_ref("", "db", name),
            uid=Uid(f"type-{name}"),
            generation=1,
            guest=q(size),
        )
        for name, size in (("small", "1Gi"), ("large", "2Gi"))
    )
    types = {each.ref: each for each in (small, large)}
    state = make_live(make_vm(guest=None, instancetype="small"), instancetypes=types)
    change = Change(field=INSTANCETYPE_NAME, before="small", after="large", wave=WaveName.MEMORY)
    decision = Decision(
        ref=VM,
        uid=None,
        effect=Effect.LIVE,
        why=Explanation(reason=Reason.HOTPLUG, message="hotplugs"),
        changes=(change,),
    )
    assert grown_to(decision, state) == q("2Gi")
    assert grown_to(replace(decision, changes=()), state) is None
