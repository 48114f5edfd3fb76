"""Tests KubeVirt CRs that Harvester, cozystack, Deckhouse or two operators manage."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import make_desired, make_kubevirt, make_live, plan_of, with_settings
from support.owners.builders import HARVESTER, SETTING, make_harvester

from reconciler.model import fields
from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.fields import NameSet
from reconciler.model.references import kubevirt_ref

VALUE = ("value",)


def decision_of(live, settings):
    state = make_desired(kubevirt=settings)
    state = replace(state, kubevirt=DesiredKubeVirt(ref=live.kubevirt.ref, settings=settings))
    (found,) = plan_of(state, live).decisions
    return found


@pytest.mark.parametrize(
    ("setting", "patch"),
    [
        (
            {VALUE: "4"},
            [
                {"op": "test", "path": "/metadata/uid", "value": "uid-set"},
                {"op": "test", "path": "/value", "value": "4"},
                {"op": "replace", "path": "/value", "value": "8"},
            ],
        ),
        (
            {},
            [
                {"op": "test", "path": "/metadata/uid", "value": "uid-set"},
                {"op": "test", "path": "/metadata/generation", "value": 1},
                {"op": "add", "path": "/value", "value": "8"},
            ],
        ),
    ],
)
def test_hotplug_ratio_is_written_to_harvesters_setting_as_a_string(setting, patch):
    decision = decision_of(make_harvester(setting), {fields.MAX_HOTPLUG_RATIO: 8})
    (action,) = decision.actions
    assert (action.target.ref, action.target.version) == (SETTING, "v1beta1")
    assert [each.plain() for each in action.patch] == patch
    assert decision.changes[0].written.path == VALUE


@pytest.mark.parametrize(
    ("setting", "settings", "expected", "words"),
    [
        (
            {VALUE: "4"},
            {fields.MAX_HOTPLUG_RATIO: 21},
            "blocked denied-by-admission",
            "accepts a max-hotplug-ratio from 1 to 20, not 21",
        ),
        (
            {VALUE: "8"},
            {fields.MAX_HOTPLUG_RATIO: 8},
            "wait owner-not-settled",
            "has not written it to the KubeVirt CR",
        ),
        (
            None,
            {fields.MAX_HOTPLUG_RATIO: 8},
            "blocked owned-by-harvester",
            "it exists only in Harvester v1.6 and newer",
        ),
        (
            {VALUE: "4"},
            {fields.ROLLOUT_STRATEGY: "Stage"},
            "blocked owned-by-harvester",
            "Harvester's chart sets spec.configuration.vmRolloutStrategy",
        ),
    ],
)
def test_kubevirt_setting_that_harvester_would_not_apply_is_not_written(
    setting, settings, expected, words
):
    live = make_harvester(setting)
    decision = decision_of(live, settings)
    assert f"{decision.effect} {decision.reason}" == expected
    assert words in decision.why.message


def test_hint_names_the_chart_value_that_sets_a_harvester_kubevirt_setting():
    decision = decision_of(make_harvester({}), {fields.ROLLOUT_STRATEGY: "Stage"})
    place = "spec.values.kubevirt.spec.configuration.vmRolloutStrategy"
    assert decision.why.hint == f"set {place} in the ManagedChart fleet-local/harvester"


@pytest.mark.parametrize(("before", "told"), [((), True), (("Evict",), False)])
def test_hint_says_that_a_harvester_upgrade_might_have_removed_the_workload_update_methods(
    before, told
):
    live = make_harvester({})
    kubevirt = with_settings(live.kubevirt, workloadUpdateMethods=NameSet.of(before))
    wanted = {fields.UPDATE_METHODS: NameSet.of(("LiveMigrate",))}
    decision = decision_of(replace(live, kubevirt=kubevirt), wanted)
    assert decision.reason.value == "owned-by-harvester"
    assert decision.why.hint.startswith("an upgrade to Harvester v1.8") is told
    assert "spec.values.kubevirt.spec.workloadUpdateStrategy" in decision.why.hint


@pytest.mark.parametrize(
    ("namespace", "reason", "words"),
    [
        ("cozy-kubevirt", "owned-by-cozystack", "cpuAllocationRatio"),
        ("d8-virtualization", "owned-by-deckhouse", "ModuleConfig virtualization"),
    ],
)
def test_hint_names_the_configuration_of_a_platform_that_manages_the_kubevirt_cr(
    namespace, reason, words
):
    live = make_live(kubevirt=make_kubevirt(ref=kubevirt_ref(namespace, "kubevirt")))
    decision = decision_of(live, {fields.ROLLOUT_STRATEGY: "Stage"})
    assert decision.reason.value == reason
    assert words in decision.why.hint


def test_kubevirt_cr_that_two_operators_claim_is_not_changed():
    live = make_harvester({VALUE: "4"}, owners=("HyperConverged/kubevirt-hyperconverged",))
    decision = decision_of(live, {fields.MAX_HOTPLUG_RATIO: 8})
    assert decision.reason.value == "two-owners"
    assert "HyperConverged and Harvester both manage" in decision.why.message


def test_kubevirt_cr_with_harvesters_name_is_patched_directly_if_harvester_is_not_installed():
    live = replace(make_harvester({}), api_groups=frozenset({"hco.kubevirt.io"}), owners=())
    live = replace(live, kubevirt=with_settings(live.kubevirt, vmRolloutStrategy="LiveUpdate"))
    decision = decision_of(live, {fields.ROLLOUT_STRATEGY: "Stage"})
    assert decision.actions[0].target is None
    assert decision.ref == HARVESTER


def test_warning_names_the_tool_that_would_revert_the_kubevirt_cr():
    kubevirt = make_kubevirt(managers={fields.ROLLOUT_STRATEGY: "kustomize-controller"})
    decision = decision_of(make_live(kubevirt=kubevirt), {fields.ROLLOUT_STRATEGY: "Stage"})
    assert decision.warnings[0].startswith(
        "the field manager kustomize-controller wrote spec.configuration.vm"
    )
    assert "examples/interop/flux-kustomization.yaml" in decision.warnings[0]


def test_tool_label_on_the_kubevirt_cr_causes_a_warning_that_the_tool_might_revert_changes():
    kubevirt = make_kubevirt(
        tracked_by="Argo CD infra", managers={fields.ROLLOUT_STRATEGY: "kubectl"}
    )
    decision = decision_of(make_live(kubevirt=kubevirt), {fields.ROLLOUT_STRATEGY: "Stage"})
    assert (
        "whether the applied manifest sets spec.configuration.vmRolloutStrategy"
        in (decision.warnings[0])
    )
    assert "examples/interop/argocd-cm.yaml" in decision.warnings[0]


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ({"managers": {VALUE: "helm-controller"}}, "helm-controller wrote value last"),
        ({"tracked_by": "Argo CD infra"}, "show that Argo CD infra applies it"),
        ({}, ""),
    ],
)
def test_warning_names_the_tool_that_would_revert_harvesters_setting(marks, words):
    live = make_harvester({VALUE: "4"})
    live = replace(live, owners=(replace(live.owners[0], **marks),))
    warnings = decision_of(live, {fields.MAX_HOTPLUG_RATIO: 8}).warnings
    found = [each for each in warnings if "examples/interop" in each]
    assert len(found) == bool(words)
    assert all(words in each for each in found)
