"""Tests that hints do not suggest a setting that Git or the cluster already has."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    VM,
    condition,
    make_desired,
    make_kubevirt,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
    with_settings,
)

from reconciler.model.fields import KUBEVIRT_FIELDS, MAX_GUEST, NameSet
from reconciler.model.live.live_state import LiveInstancetype
from reconciler.model.references import INSTANCETYPE, Uid, instancetype_ref, vm_ref


def decided(desired, live):
    (decision,) = plan_of(make_desired(desired), live).decisions
    return decision


def test_message_about_a_missing_vm_names_a_namespace_with_a_vm_of_that_name():
    other = vm_ref("other", VM.name)
    decision = decided(want("2Gi"), make_live(make_vm(other), make_vm(vm_ref("db", "else"))))
    assert decision.reason == "not-found"
    assert "2Gi" in decision.why.message
    assert [str(each.after) for each in decision.changes] == ["2Gi"]
    assert decision.why.hint.startswith("namespace other has a VM with this name; ")


def test_hint_about_a_missing_vm_suggests_only_namespaces_that_contain_the_vm_name():
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
def test_instancetype_change_that_adds_cpus_is_live_only_if_the_cpus_are_added_as_sockets(
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


OWNED = make_kubevirt(owners=("HyperConverged/kubevirt-hyperconverged",))
"""A KubeVirt CR that the reconciler must not change."""
METHODS, STRATEGY = "workloadUpdateMethods", "vmRolloutStrategy"


@pytest.mark.parametrize(
    ("field", "has", "wanted", "reason"),
    [
        (METHODS, NameSet.of(()), NameSet.of(("LiveMigrate",)), "no-live-migrate"),
        (METHODS, NameSet.of(("Evict",)), NameSet.of(("LiveMigrate",)), "evict-hazard"),
        (STRATEGY, "Stage", "LiveUpdate", "strategy-stage"),
    ],
    ids=["no-live-migrate", "evict-hazard", "strategy-stage"],
)
@pytest.mark.parametrize("in_git", [True, False])
def test_hint_does_not_suggest_a_setting_that_git_already_has(field, has, wanted, reason, in_git):
    (path,) = (each.path for each in KUBEVIRT_FIELDS if each.path[-1] == field)
    desired = make_desired(want("2Gi"), kubevirt={path: wanted} if in_git else None)
    kubevirt = with_settings(OWNED, **{field: has})
    live = make_live(make_vm(), vmis=(make_vmi(),), kubevirt=kubevirt)
    decision = plan_of(desired, live).decisions[-1]
    assert decision.reason == reason
    assert ("Git already has this setting" in decision.why.hint) is in_git
    assert decision.why.hint.endswith("the KubeVirt manifest in Git") is not in_git


def test_hint_does_not_suggest_live_migrate_if_the_update_methods_already_list_it():
    vmi = make_vmi(conditions={"LiveMigratable": condition("False", "x", "no shared disk")})
    kubevirt = with_settings(
        make_kubevirt("v1.2.2"),
        featureGates=NameSet.of(("VMLiveUpdateFeatures",)),
        vmRolloutStrategy="LiveUpdate",
        workloadUpdateMethods=NameSet.of(("LiveMigrate", "Evict")),
    )
    decision = decided(want("2Gi"), make_live(make_vm(), vmis=(vmi,), kubevirt=kubevirt))
    assert decision.reason == "evict-hazard"
    assert "add LiveMigrate" not in decision.why.hint
    assert "remove the obstacle to the VM's migration" in decision.why.hint


@pytest.mark.parametrize(("in_git", "asks"), [("8Gi", False), (None, True)])
def test_hint_does_not_suggest_to_raise_max_guest_if_the_plan_already_raises_it(in_git, asks):
    desired = make_desired(want("3Gi"), kubevirt={MAX_GUEST: q(in_git)} if in_git else None)
    kubevirt = with_settings(make_kubevirt(), maxGuest=q("1Gi"))
    vmi = make_vmi(guest="2Gi", max_guest=None)
    live = make_live(make_vm(guest="2Gi"), vmis=(vmi,), kubevirt=kubevirt)
    decision = plan_of(desired, live).decisions[-1]
    assert decision.reason == "no-max-guest"
    assert ("raise liveUpdateConfiguration.maxGuest" in decision.why.hint) is asks
