"""Tests how the plan changes the KubeVirt CR, in which order, and what blocks a change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
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
ALL_THREE = {
    fields.FEATURE_GATES: GATE,
    fields.ROLLOUT_STRATEGY: "LiveUpdate",
    fields.UPDATE_METHODS: NameSet.of(("LiveMigrate",)),
}


def bare(version: str, **overrides):
    """Return a KubeVirt CR with unrelated feature gates and without workload update methods."""
    others = NameSet.of(("Snapshot", "HotplugVolumes"))
    kubevirt = with_settings(
        make_kubevirt(version, **overrides), featureGates=others, workloadUpdateMethods=None
    )
    containers = frozenset(path for path in kubevirt.containers if path != fields.WORKLOAD_UPDATE)
    return replace(kubevirt, containers=containers)


def decision_of(kubevirt, settings):
    (decision,) = plan_of(make_desired(kubevirt=settings), make_live(kubevirt=kubevirt)).decisions
    return decision


def test_feature_gate_is_patched_before_the_rollout_strategy():
    decision = decision_of(bare("v1.3.1"), ALL_THREE)
    assert decision.effect.value == "config"
    gate, strategy = decision.actions
    assert [each.plain() for each in gate.patch] == [
        {"op": "test", "path": "/metadata/uid", "value": "uid-kubevirt"},
        {
            "op": "test",
            "path": "/spec/configuration/developerConfiguration/featureGates",
            "value": ["Snapshot", "HotplugVolumes"],
        },
        {
            "op": "add",
            "path": "/spec/configuration/developerConfiguration/featureGates/-",
            "value": "VMLiveUpdateFeatures",
        },
    ]
    assert [each.plain() for each in strategy.patch] == [
        {"op": "test", "path": "/metadata/uid", "value": "uid-kubevirt"},
        {"op": "test", "path": "/metadata/generation", "value": 2},
        {
            "op": "add",
            "path": "/spec/workloadUpdateStrategy",
            "value": {"workloadUpdateMethods": ["LiveMigrate"]},
        },
        {"op": "add", "path": "/spec/configuration/vmRolloutStrategy", "value": "LiveUpdate"},
    ]


def test_plan_changes_vms_after_kubevirt_has_applied_the_changed_kubevirt_cr():
    desired = make_desired(want("2Gi"), kubevirt=ALL_THREE)
    plan = plan_of(desired, make_live(make_vm(), vmis=(make_vmi(),), kubevirt=bare("v1.3.1")))
    shape = [(wave.name.value, wave.barrier is not None, len(wave.actions)) for wave in plan.waves]
    assert shape == [("feature-gate", False, 1), ("strategy", True, 1), ("memory", True, 1)]


@pytest.mark.parametrize("version", ["v1.5.0", "v1.6.3", "v1.9.0"])
def test_feature_gate_that_has_graduated_is_not_added_to_the_kubevirt_cr(version):
    decision = decision_of(bare(version), {fields.FEATURE_GATES: GATE})
    assert (decision.effect.value, decision.reason.value) == ("none", "gate-graduated")
    assert decision.actions == ()


def test_kubevirt_cr_patch_omits_a_feature_gate_that_has_graduated():
    settings = {fields.FEATURE_GATES: NameSet.of(("VMLiveUpdateFeatures", "ExpandDisks"))}
    decision = decision_of(bare("v1.9.0"), settings)
    assert [str(each.after) for each in decision.changes] == [
        "[Snapshot, HotplugVolumes, ExpandDisks]"
    ]
    assert any("graduated" in each for each in decision.warnings)


def test_kubevirt_cr_value_in_a_different_notation_does_not_count_as_a_change():
    kubevirt = with_settings(make_kubevirt(), maxGuest=q("2048Mi"))
    decision = decision_of(kubevirt, {fields.MAX_GUEST: q("2Gi")})
    assert decision.effect.value == "none"


def test_different_order_of_workload_update_methods_does_not_count_as_a_change():
    kubevirt = with_settings(
        make_kubevirt(), workloadUpdateMethods=NameSet.of(("Evict", "LiveMigrate"))
    )
    settings = {fields.UPDATE_METHODS: NameSet.of(("LiveMigrate", "Evict"))}
    assert decision_of(kubevirt, settings).effect.value == "none"


@pytest.mark.parametrize(
    ("kubevirt", "settings", "expected"),
    [
        pytest.param(
            bare("v1.9.0", owners=("HyperConverged/kubevirt-hyperconverged",)),
            {fields.ROLLOUT_STRATEGY: "Stage"},
            ("blocked", "owned-by-hyperconverged"),
            id="CR owned by HyperConverged",
        ),
        pytest.param(
            bare("v1.8.0", disabled_gates=frozenset({"ExpandDisks"})),
            {fields.FEATURE_GATES: NameSet.of(("ExpandDisks",))},
            ("blocked", "gate-disabled"),
            id="gate disabled in the cluster",
        ),
        pytest.param(
            bare("v1.1.1"),
            {fields.ROLLOUT_STRATEGY: "LiveUpdate"},
            ("blocked", "unknown-field"),
            id="v1.1 has no rollout strategy",
        ),
        pytest.param(
            bare("v1.9.0", phase="Deploying"),
            {fields.ROLLOUT_STRATEGY: "Stage"},
            ("wait", "kubevirt-not-settled"),
            id="CR not settled",
        ),
        pytest.param(
            bare("v1.8.0", target_version="v1.9.0"),
            {fields.ROLLOUT_STRATEGY: "Stage"},
            ("wait", "kubevirt-not-settled"),
            id="upgrade in progress",
        ),
    ],
)
def test_blocked_kubevirt_cr_change_has_a_reason_but_no_action(kubevirt, settings, expected):
    decision = decision_of(kubevirt, settings)
    assert (decision.effect.value, decision.reason.value) == expected
    assert decision.actions == ()
    assert decision.changes, "what would change is shown all the same"


def test_blocked_kubevirt_cr_change_does_not_prevent_vm_changes_that_are_already_possible():
    kubevirt = make_kubevirt(owners=("HyperConverged/kubevirt-hyperconverged",))
    desired = make_desired(want("2Gi"), kubevirt={fields.MAX_GUEST: q("8Gi")})
    plan = plan_of(desired, make_live(make_vm(), vmis=(make_vmi(),), kubevirt=kubevirt))
    assert [each.effect.value for each in plan.decisions] == ["blocked", "live"]


@pytest.mark.parametrize(
    "path", [fields.FEATURE_GATES, fields.UPDATE_METHODS], ids=["gates", "methods"]
)
def test_empty_list_in_git_equals_a_missing_list_in_the_kubevirt_cr(path):
    # The kubevirt-cr.yaml that KubeVirt ships has `featureGates: []`.
    kubevirt = with_settings(make_kubevirt(), featureGates=None, workloadUpdateMethods=None)
    decision = decision_of(kubevirt, {path: NameSet.of(())})
    assert (decision.effect.value, decision.actions) == ("none", ())


def test_kubevirt_manifest_without_a_namespace_refers_to_the_only_cr_of_the_cluster():
    desired = make_desired(kubevirt=ALL_THREE)
    ref = desired.kubevirt.ref._replace(namespace="")
    desired = replace(desired, kubevirt=replace(desired.kubevirt, ref=ref))
    (decision,) = plan_of(desired, make_live(kubevirt=bare("v1.3.1"))).decisions
    assert (decision.effect.value, str(decision.ref)) == ("config", "KubeVirt kubevirt/kubevirt")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [(None, ("blocked", "unknown-field")), ("Stage", ("config", "config-change"))],
)
def test_field_unknown_to_the_kubevirt_version_is_changed_only_if_the_kubevirt_cr_contains_it(
    shown, expected
):
    kubevirt = with_settings(make_kubevirt("v1.1.1"), vmRolloutStrategy=shown)
    desired = make_desired(kubevirt={fields.ROLLOUT_STRATEGY: "LiveUpdate"})
    (decision,) = plan_of(desired, make_live(kubevirt=kubevirt)).decisions
    assert (decision.effect.value, decision.reason.value) == expected
