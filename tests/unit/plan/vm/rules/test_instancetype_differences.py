"""Tests which differences between two instancetypes need a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import VM, make_desired, make_live, make_vm, make_vmi, plan_of, q, want

from reconciler.model.live.live_state import LiveInstancetype
from reconciler.model.references import INSTANCETYPE, Uid, instancetype_ref


def kind(name, guest, **more):
    ref = instancetype_ref(INSTANCETYPE, VM.namespace, name)
    base = LiveInstancetype(ref=ref, uid=Uid(f"uid-{name}"), generation=1, guest=q(guest), cpus=1)
    return replace(base, **more)


def decided(has, wanted, vmi=None, **vm):
    held = f"pg-0-{has.ref.name}-v1beta1-{has.uid}-1"
    named = {"instancetype": has.ref.name, "instancetype_kind": INSTANCETYPE, "revision": held}
    live = make_live(
        make_vm(guest=None, memory_present=False, **named, **vm),
        vmis=(vmi or make_vmi(guest=str(has.guest), max_guest="16Gi", max_sockets=4),),
        instancetypes={each.ref: each for each in (has, wanted)},
        instancetype_kinds=frozenset({INSTANCETYPE}),
    )
    desired = want(None, instancetype=wanted.ref.name)
    (decision,) = plan_of(make_desired(desired), live).decisions
    return decision


@pytest.mark.parametrize(
    ("has", "wanted", "reason"),
    [
        # v1.9.0 pkg/instancetype/apply/memory.go: requests = guest * (100 - percent) / 100
        (("2Gi", 50), ("4Gi", 75), "hotplug"),
        (("2Gi", 50), ("4Gi", 50), "instancetype-differs-otherwise"),
        (("2Gi", 50), ("4Gi", 74), "instancetype-differs-otherwise"),
        (("2Gi", 0), ("4Gi", 0), "hotplug"),
    ],
)
def test_instancetypes_that_overcommit_memory_are_compared_by_memory_request(has, wanted, reason):
    types = (
        kind(name, guest, overcommit_percent=percent)
        for name, (guest, percent) in (("small", has), ("large", wanted))
    )
    assert decided(*types).reason.value == reason


@pytest.mark.parametrize(
    ("has", "wanted", "reason"),
    [
        ("8Gi", "8Gi", "hotplug"),
        ("8192Mi", "8Gi", "hotplug"),
        ("8Gi", "9Gi", "instancetype-differs-otherwise"),
        ("9Gi", "8Gi", "instancetype-differs-otherwise"),
    ],
)
def test_instancetypes_with_equal_max_guest_values_do_not_differ(has, wanted, reason):
    small, large = (
        kind("small", "1Gi", max_guest=q(has)),
        kind("large", "2Gi", max_guest=q(wanted)),
    )
    assert decided(small, large).reason.value == reason


def test_warning_that_an_instancetype_also_changes_cpus_appears_only_for_live_changes():
    small, large = kind("small", "1Gi"), kind("large", "2Gi", cpus=2)
    assert any("the VM's CPUs also change" in each for each in decided(small, large).warnings)
    assert not any("its CPUs" in each for each in decided(large, small).warnings)
    deleted = decided(small, large, deleting=True)
    assert (deleted.effect.value, deleted.warnings) == ("blocked", ())
