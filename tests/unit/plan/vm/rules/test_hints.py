"""Hints name what helps, and do not ask for what Git or the cluster has already."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    VM,
    make_desired,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
)

from reconciler.model.live.live_state import LiveInstancetype
from reconciler.model.references import INSTANCETYPE, Uid, instancetype_ref, vm_ref


def decided(desired, live):
    (decision,) = plan_of(make_desired(desired), live).decisions
    return decision


def test_vm_that_does_not_exist_shows_its_size_and_the_namespace_that_has_its_name():
    other = vm_ref("other", VM.name)
    decision = decided(want("2Gi"), make_live(make_vm(other), make_vm(vm_ref("db", "else"))))
    assert decision.reason == "not-found"
    assert "2Gi" in decision.why.message
    assert decision.why.hint.startswith("namespace other has a VM of this name; ")


def test_vm_name_that_exists_nowhere_gets_no_other_namespace():
    decision = decided(want("2Gi"), make_live(make_vm(vm_ref("db", "else"))))
    assert "namespace db has" not in decision.why.hint


def typed(name, cpus, guest):
    ref = instancetype_ref(INSTANCETYPE, VM.namespace, name)
    uid = Uid(f"uid-{name}")
    return LiveInstancetype(ref=ref, uid=uid, generation=1, guest=q(guest), cpus=cpus)


@pytest.mark.parametrize(
    ("cpu", "has", "wants", "preference", "expected"),
    [
        ((2, 1, 1), 2, 4, "spread", "live"),
        ((1, 2, 1), 2, 4, "", "restart"),
        ((1, 1, 2), 2, 4, "threads", "restart"),
        ((1, 1, 1), 1, 4, "", "live"),
        ((1, 1, 1), 1, 4, "cores", "restart"),
        ((1, 2, 1), 2, 2, "cores", "live"),
    ],
)
def test_instancetype_is_live_only_if_its_cpus_are_added_as_sockets(
    cpu, has, wants, preference, expected
):
    types = [typed("small", has, "1Gi"), typed("large", wants, "2Gi")]
    vm = make_vm(
        guest=None,
        memory_present=False,
        instancetype="small",
        instancetype_kind=INSTANCETYPE,
        revision="vm-small-uid-small-1",
        preference=preference,
    )
    live = make_live(
        vm,
        vmis=(make_vmi(cpu=cpu, max_sockets=16),),
        instancetypes={each.ref: each for each in types},
        instancetype_kinds=frozenset({INSTANCETYPE}),
    )
    decision = decided(replace(want(None), instancetype="large"), live)
    assert decision.effect == expected
    if expected == "restart":
        assert decision.reason == "instancetype-differs-otherwise"
