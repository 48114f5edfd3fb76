"""Tests how much capacity is reserved when a change starts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import VM, make_live, make_vm, make_vmi, q
from support.capacity_builders import NEED, USED, capacity, launcher, node, use

from reconciler.model.explanation import Explanation
from reconciler.model.fields import INSTANCETYPE_NAME, WaveName
from reconciler.model.live.capacity import PRIORITY_CLASS, AwareQuotas, Quota, ResourceUse
from reconciler.model.live.live_state import LiveInstancetype
from reconciler.model.live.placement import Requirement
from reconciler.model.plan.plan import Change, Decision, Effect, Reason
from reconciler.model.quantity import GIB
from reconciler.model.references import Uid, instancetype_ref, vm_ref
from reconciler.plan.behaviour.target_pod import TargetPod
from reconciler.plan.capacity.reservations import Reservations, grown_to


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


@pytest.mark.parametrize(("has", "left"), [(USED, False), (NEED, True), (NEED + GIB, True)])
def test_in_place_resize_reserves_only_memory_that_the_launcher_pod_does_not_have_yet(has, left):
    """The second VM fits only if the first one has already grown from 1Gi to 2Gi."""
    first, second = vm_ref("db", "first"), vm_ref("db", "second")
    pod = replace(launcher("node01"), requests=ResourceUse(memory=has))
    state = make_live(
        make_vm(first),
        make_vm(second),
        vmis=(make_vmi(first), make_vmi(second)),
        nodes=(node("node01", str(has + USED + GIB)),),
        capacity=capacity(
            nodes={"node01": use(has + USED)},
            launchers={"vmi-first": (pod,), "vmi-second": (launcher("node01"),)},
        ),
    )
    reservations = Reservations(state)
    reservations.promise_growth(first, TargetPod(request=NEED))
    assert reservations.grow(second, q("2Gi")) is left


MEMORY_KEY = "requests.memory/vmi"


def test_growth_of_vms_in_two_namespaces_shares_a_cluster_wide_application_aware_quota():
    """All namespaces have the same quota name; only the first two share a quota."""
    shared = Quota(name="web", hard={MEMORY_KEY: GIB}, cluster_wide=True)
    own = Quota(name="web", hard={MEMORY_KEY: GIB})
    refs = [vm_ref(name, name) for name in ("front", "back", "left", "right")]
    quotas = {"front": (shared,), "back": (shared,), "left": (own,), "right": (own,)}
    state = make_live(
        *map(make_vm, refs),
        vmis=map(make_vmi, refs),
        capacity=replace(capacity(launchers={}), aware=AwareQuotas(by_namespace=quotas)),
    )
    reservations = Reservations(state)
    assert [reservations.place(each, q("2Gi")) for each in refs] == [True, False, True, True]


@pytest.mark.parametrize(
    ("calculator", "resource", "released"),
    [
        ("DedicatedVirtualResources", MEMORY_KEY, False),
        ("VirtualResources", "requests.memory", False),
        ("IgnoreVmiCalculator", "requests.memory", True),
    ],
)
def test_ended_migration_releases_application_aware_quota_only_if_the_quota_counts_the_source_pod(
    calculator, resource, released
):
    first, second = vm_ref("db", "first"), vm_ref("db", "second")
    needs = NEED if released else GIB
    quota = Quota(name="team", hard={resource: 2 * needs - 1})
    pods = {f"vmi-{each.name}": (launcher("node01"),) for each in (first, second)}
    state = make_live(
        make_vm(first),
        make_vm(second),
        vmis=(make_vmi(first), make_vmi(second)),
        capacity=replace(
            capacity(launchers=pods),
            aware=AwareQuotas(calculator=calculator, by_namespace={"db": (quota,)}),
        ),
    )
    reservations = Reservations(state)
    assert reservations.place(first, q("2Gi"))
    assert not reservations.place(second, q("2Gi"))
    reservations.settle(first)
    assert reservations.place(second, q("2Gi")) is released


def test_growth_of_a_vm_outside_the_scope_of_an_application_aware_quota_uses_none_of_the_quota():
    refs = [vm_ref("db", name) for name in ("low", "high", "other")]
    pods = {
        f"vmi-{each.name}": (replace(launcher("node01"), priority_class=each.name),)
        for each in refs
    }
    scope = (Requirement(key=PRIORITY_CLASS, operator="NotIn", values=("low",)),)
    quota = Quota(name="web", hard={MEMORY_KEY: GIB}, priority=scope)
    state = make_live(
        *map(make_vm, refs),
        vmis=map(make_vmi, refs),
        capacity=replace(
            capacity(launchers=pods), aware=AwareQuotas(by_namespace={"db": (quota,)})
        ),
    )
    reservations = Reservations(state)
    assert [reservations.place(each, q("2Gi")) for each in refs] == [True, True, False]
