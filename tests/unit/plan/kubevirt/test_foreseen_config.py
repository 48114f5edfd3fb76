"""Tests that VMs are planned for the KubeVirt CR as it will be after the plan's changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
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

from reconciler.model import fields
from reconciler.model.fields import NameSet

GATE = NameSet.of(("VMLiveUpdateFeatures",))


def both(settings, kubevirt):
    live = make_live(make_vm(), vmis=(make_vmi(),), kubevirt=kubevirt)
    decisions = plan_of(make_desired(want("2Gi"), kubevirt=settings), live).decisions
    return [(each.effect.value, each.reason.value) for each in decisions]


def test_vms_wait_for_a_pending_kubevirt_cr_change_that_enables_live_updates():
    stage = with_settings(make_kubevirt(phase="Deploying"), vmRolloutStrategy="Stage")
    waits = ("wait", "kubevirt-not-settled")
    assert both({fields.ROLLOUT_STRATEGY: "LiveUpdate"}, stage) == [waits, waits]


def test_vms_are_planned_for_the_current_kubevirt_cr_if_its_change_is_blocked():
    stage = with_settings(
        make_kubevirt(owners=("HyperConverged/kubevirt-hyperconverged",)),
        vmRolloutStrategy="Stage",
    )
    assert both({fields.ROLLOUT_STRATEGY: "LiveUpdate"}, stage) == [
        ("blocked", "owned-by-hyperconverged"),
        ("restart", "strategy-stage"),
    ]


def test_second_kubevirt_cr_patch_keeps_the_fields_that_the_first_patch_added():
    empty = replace(
        with_settings(make_kubevirt("v1.3.1"), workloadUpdateMethods=None),
        containers=frozenset(),
    )
    settings = {fields.FEATURE_GATES: GATE, fields.ROLLOUT_STRATEGY: "LiveUpdate"}
    (decision,) = plan_of(make_desired(kubevirt=settings), make_live(kubevirt=empty)).decisions
    first, second = (each.patch[-1].plain() for each in decision.actions)
    assert first == {
        "op": "add",
        "path": "/spec",
        "value": {
            "configuration": {"developerConfiguration": {"featureGates": ["VMLiveUpdateFeatures"]}}
        },
    }
    assert second == {
        "op": "add",
        "path": "/spec/configuration/vmRolloutStrategy",
        "value": "LiveUpdate",
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({fields.MAX_GUEST: q("8Gi")}, "changes 1 field of the KubeVirt CR"),
        (
            {fields.MAX_GUEST: q("8Gi"), fields.PARALLEL_MIGRATIONS: 7},
            "changes 2 fields of the KubeVirt CR",
        ),
    ],
)
def test_kubevirt_cr_change_message_counts_the_changed_fields(settings, message):
    (decision,) = plan_of(make_desired(kubevirt=settings), make_live()).decisions
    assert decision.why.message == message


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("a", "1 running VM booted earlier and must restart once"),
        ("ab", "2 running VMs booted earlier and must restart once"),
        ("abc", "can change the memory live (db/a, db/b, db/c)"),
        ("abcd", "can change the memory live (db/a, db/b, db/c and 1 more)"),
    ],
)
def test_kubevirt_cr_change_warning_counts_vms_that_need_a_restart(names, says):
    vms = [make_vm(ref=make_vm().ref._replace(name=name)) for name in names]
    live = make_live(
        *vms,
        vmis=tuple(make_vmi(ref=each.ref, max_guest=None) for each in vms),
        kubevirt=with_settings(make_kubevirt(), vmRolloutStrategy="Stage"),
    )
    settings = {fields.ROLLOUT_STRATEGY: "LiveUpdate"}
    (decision,) = plan_of(make_desired(kubevirt=settings), live).decisions
    assert says in " / ".join(decision.warnings)


@pytest.mark.parametrize(
    ("stuck", "outdated", "says"),
    [
        (
            0,
            0,
            ("this change adds LiveMigrate to workloadUpdateMethods: each later KubeVirt upgrade"),
        ),
        (
            1,
            0,
            "1 VM starts to migrate immediately (1 because of a waiting memory change, 0",
        ),
        (
            1,
            1,
            "1 VM starts to migrate immediately (1 because of a waiting memory change, 0",
        ),
        (
            2,
            0,
            "2 VMs start to migrate immediately (2 because of a waiting memory change, 0",
        ),
    ],
)
def test_kubevirt_cr_change_warning_counts_vms_that_migrate_if_git_adds_live_migrate(
    stuck, outdated, says
):
    conditions = {"HotMemoryChange": condition("True")}
    vms = [make_vm(ref=make_vm().ref._replace(name=f"vm-{n}")) for n in range(stuck)]
    live = make_live(
        *vms,
        vmis=tuple(make_vmi(ref=each.ref, conditions=conditions) for each in vms),
        kubevirt=with_settings(
            make_kubevirt(outdated_workloads=outdated), workloadUpdateMethods=None
        ),
    )
    settings = {fields.UPDATE_METHODS: NameSet.of(("LiveMigrate",))}
    (decision,) = plan_of(make_desired(kubevirt=settings), live).decisions
    assert says in " / ".join(decision.warnings)


@pytest.mark.parametrize("beside", ["ExpandDisks", "VSOCK"])
def test_missing_feature_gate_is_added_only_if_it_has_not_graduated(beside):
    kubevirt = with_settings(make_kubevirt(), featureGates=NameSet.of(("Snapshot",)))
    settings = {fields.FEATURE_GATES: NameSet.of(("VMLiveUpdateFeatures", beside))}
    (decision,) = plan_of(make_desired(kubevirt=settings), make_live(kubevirt=kubevirt)).decisions
    (write,) = (op.plain() for op in decision.actions[0].patch if op.op == "add")
    assert write["value"] == beside


@pytest.mark.parametrize(
    ("overrides", "settled"),
    [
        # kubevirt v1.9.0 pkg/virt-operator/kubevirt.go:1106-1126
        ({"deployment_id": "abc", "target_deployment_id": "".join("abc")}, True),
        ({"deployment_id": "abc", "target_deployment_id": "abd"}, False),
        ({"deployment_id": "abd", "target_deployment_id": "abc"}, False),
        ({"version": "v1.9.0", "target_version": "".join("v1.9.0")}, True),
        ({"version": "v1.9.0", "target_version": ""}, True),
        ({"version": "v1.9.0", "target_version": "v1.8.0"}, False),
        ({"generation": 3, "observed_generation": 3}, True),
        ({"generation": 3, "observed_generation": 4}, True),
        ({"generation": 3, "observed_generation": None}, True),
        ({"generation": 3, "observed_generation": 2}, False),
        ({"phase": "".join("Deployed")}, True),
        ({"phase": ""}, False),
    ],
)
def test_kubevirt_cr_counts_as_applied_if_its_version_and_generation_are_deployed(
    overrides, settled
):
    live = make_live(make_vm(), vmis=(make_vmi(),), kubevirt=make_kubevirt(**overrides))
    (decision,) = plan_of(make_desired(want("2Gi")), live).decisions
    expected = "hotplug" if settled else "kubevirt-not-settled"
    assert decision.reason.value == expected
