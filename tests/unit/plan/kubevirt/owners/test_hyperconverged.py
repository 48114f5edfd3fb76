"""Tests how settings are written to HyperConverged, and when they cannot be."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.builders import (
    condition,
    make_desired,
    make_kubevirt,
    make_live,
    plan_of,
    with_settings,
)
from support.owners.builders import HYPERCONVERGED, OWNED, READY, make_owned, make_owner

from reconciler.model.desired.config import HyperConvergedPolicy
from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.fields import FIELD_BY_PATH, NameSet, read_setting
from reconciler.model.references import kubevirt_ref

ANNOTATION = "kubevirt.kubevirt.io/jsonpatch"
ANNOTATION_POINTER = "/metadata/annotations/kubevirt.kubevirt.io~1jsonpatch"
STRATEGY = "spec.workloadUpdateStrategy"
LIVE_UPDATE = "spec.configuration.liveUpdateConfiguration"
MIGRATIONS = "spec.configuration.migrations"


def desired(**settings):
    """Return a desired state with settings of the KubeVirt CR, by dotted path."""
    found = {}
    for name, raw in settings.items():
        path = tuple(name.split("."))
        found[path] = read_setting(FIELD_BY_PATH[path].type, raw)
    return with_ref(found, OWNED)


def with_ref(settings, ref):
    state = make_desired(kubevirt=settings)
    return replace(state, kubevirt=DesiredKubeVirt(ref=ref, settings=settings))


def decision_of(state, live, **policy):
    (found,) = plan_of(state, live, **policy).decisions
    return found


def test_hyperconverged_field_is_replaced_only_if_it_still_has_the_value_that_was_read():
    home = ("spec", "virtualization", "liveMigrationConfig", "parallelMigrationsPerCluster")
    owner = make_owner(spellings={home: 5}, containers=frozenset(home[:n] for n in range(1, 4)))
    state = desired(**{f"{MIGRATIONS}.parallelMigrationsPerCluster": 9})
    (action,) = decision_of(state, make_owned(owner)).actions
    assert [each.plain() for each in action.patch] == [
        {"op": "test", "path": "/metadata/uid", "value": "uid-hco"},
        {"op": "test", "path": "/" + "/".join(home), "value": 5},
        {"op": "replace", "path": "/" + "/".join(home), "value": 9},
    ]


RATIO = desired(**{f"{LIVE_UPDATE}.maxHotplugRatio": 8})
RATIO_HOME = ("spec", "virtualization", "liveUpdateConfiguration", "maxHotplugRatio")


@pytest.mark.parametrize(
    ("owner", "expected", "words"),
    [
        (
            make_owner(observed_generation=2),
            "wait owner-not-settled",
            "has generation 3, but its operator has observed only generation 2",
        ),
        (
            make_owner(conditions={**READY, "Available": condition("False", "CDI", "not ready")}),
            "wait owner-not-settled",
            "is False (CDI: not ready)",
        ),
        (
            make_owner(conditions={"Available": condition("True")}),
            "wait owner-not-settled",
            "the condition ReconcileComplete of HyperConverged",
        ),
        (
            make_owner(spellings={RATIO_HOME: 8}),
            "wait owner-not-settled",
            "already has the values that Git sets, but its operator has not written them",
        ),
        (
            make_owner(managers={RATIO_HOME: "virt-platform-autopilot"}),
            "blocked owned-by-autopilot",
            "virt-platform-autopilot overwrites spec.virtualization.liveUpdateConfiguration",
        ),
        # The autopilot has written the value that Git sets, so only its operator is late.
        (
            make_owner(
                spellings={RATIO_HOME: 8}, managers={RATIO_HOME: "virt-platform-autopilot"}
            ),
            "wait owner-not-settled",
            "already has the values that Git sets",
        ),
        (
            make_owner(
                json_patch='[{"op":"add","path":"/spec/configuration/liveUpdateConfiguration",'
                '"value":{}}]'
            ),
            "blocked set-by-annotation",
            "an operation on /spec/configuration/liveUpdateConfiguration in the annotation",
        ),
        (None, "blocked owned-by-hyperconverged", "the HyperConverged object cannot be read"),
    ],
)
def test_hyperconverged_is_not_patched_while_its_operator_would_not_apply_the_patch(
    owner, expected, words
):
    decision = decision_of(RATIO, make_owned(owner))
    assert f"{decision.effect} {decision.reason}" == expected
    assert words in decision.why.message


def test_kubevirt_setting_that_matches_git_needs_no_field_in_hyperconverged():
    live = make_owned(make_owner("1.14.0", "v1beta1"), version="v1.4.0")
    kubevirt = with_settings(live.kubevirt, vmRolloutStrategy="LiveUpdate")
    state = desired(**{"spec.configuration.vmRolloutStrategy": "LiveUpdate"})
    decision = decision_of(state, replace(live, kubevirt=kubevirt))
    assert decision.reason.value == "config-as-desired"


def test_unknown_hyperconverged_release_is_inferred_from_the_kubevirt_version():
    live = make_owned(make_owner("", "v1beta1"), version="v1.5.2")
    decision = decision_of(RATIO, live)
    assert "HyperConverged 1.15 (v1beta1) has no field" in decision.why.message


GATE = desired(**{"spec.configuration.developerConfiguration.featureGates": ["VSOCK"]})


def gated(owner):
    live = make_owned(owner)
    kubevirt = with_settings(live.kubevirt, featureGates=NameSet.of(("Snapshot",)))
    return replace(live, kubevirt=kubevirt)


ADD = {
    "op": "add",
    "path": "/spec/configuration/developerConfiguration/featureGates/-",
    "value": "VSOCK",
}
OTHER = {"op": "add", "path": "/spec/configuration/cpuModel", "value": "Haswell"}


def compact(*operations):
    return json.dumps(list(operations), separators=(",", ":"))


@pytest.mark.parametrize(
    ("owner", "patch"),
    [
        (
            make_owner(annotated=False),
            [
                {"op": "test", "path": "/metadata/uid", "value": "uid-hco"},
                {"op": "test", "path": "/metadata/resourceVersion", "value": "42"},
                {
                    "op": "add",
                    "path": "/metadata/annotations",
                    "value": {ANNOTATION: compact(ADD)},
                },
            ],
        ),
        (
            make_owner(),
            [
                {"op": "test", "path": "/metadata/uid", "value": "uid-hco"},
                {"op": "test", "path": "/metadata/resourceVersion", "value": "42"},
                {"op": "add", "path": ANNOTATION_POINTER, "value": compact(ADD)},
            ],
        ),
        (
            make_owner(json_patch=compact(OTHER)),
            [
                {"op": "test", "path": "/metadata/uid", "value": "uid-hco"},
                {"op": "test", "path": ANNOTATION_POINTER, "value": compact(OTHER)},
                {"op": "replace", "path": ANNOTATION_POINTER, "value": compact(OTHER, ADD)},
            ],
        ),
    ],
)
def test_hyperconverged_annotation_is_extended_only_if_the_configuration_permits_it(owner, patch):
    assert decision_of(GATE, gated(owner)).reason.value == "not-settable-in-hyperconverged"
    decision = decision_of(GATE, gated(owner), hyperconverged=HyperConvergedPolicy.ANNOTATION)
    (action,) = decision.actions
    assert [each.plain() for each in action.patch] == patch
    assert "taints the installation" in decision.warnings[0]


@pytest.mark.parametrize("policy", HyperConvergedPolicy)
def test_hyperconverged_annotation_that_already_adds_a_feature_gate_is_not_written_again(policy):
    live = gated(make_owner(json_patch=compact(OTHER, ADD)))
    decision = decision_of(GATE, live, hyperconverged=policy)
    assert (decision.reason.value, decision.actions) == ("owner-not-settled", ())


def test_hyperconverged_annotation_operation_on_the_changed_field_is_replaced():
    old = {**ADD, "path": "/spec/configuration/vmRolloutStrategy", "value": "LiveUpdate"}
    live = make_owned(make_owner(json_patch=compact(old, OTHER)))
    state = desired(**{"spec.configuration.vmRolloutStrategy": "Stage"})
    kubevirt = with_settings(live.kubevirt, vmRolloutStrategy="LiveUpdate")
    live = replace(live, kubevirt=kubevirt)
    assert decision_of(state, live).reason.value == "set-by-annotation"
    decision = decision_of(state, live, hyperconverged=HyperConvergedPolicy.ANNOTATION)
    (action,) = decision.actions
    assert action.patch[-1].value == compact({**old, "value": "Stage"}, OTHER)


PARALLEL_POINTER = "/spec/configuration/migrations/parallelMigrationsPerCluster"


def test_json_patch_test_operation_in_the_hyperconverged_annotation_sets_no_field():
    tested = {"op": "test", "path": PARALLEL_POINTER, "value": 5}
    owner = make_owner(json_patch=compact(tested))
    decision = decision_of(
        desired(**{"spec.configuration.migrations.parallelMigrationsPerCluster": 7}),
        make_owned(owner),
    )
    (change,) = decision.changes
    assert (decision.reason.value, change.written.path[-2:]) == (
        "config-change",
        ("liveMigrationConfig", "parallelMigrationsPerCluster"),
    )


STRATEGY = "/spec/configuration/vmRolloutStrategy"
SET, TEST, NEW = (
    {"op": op, "path": STRATEGY, "value": value}
    for op, value in (("add", "LiveUpdate"), ("test", "LiveUpdate"), ("add", "Stage"))
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((TEST,), (TEST, NEW)),
        ((TEST, SET), (TEST, NEW)),
        ((SET, TEST, OTHER), (SET, TEST, OTHER, NEW)),
    ],
)
def test_changed_hyperconverged_annotation_keeps_json_patch_test_operations_satisfied(
    found, expected
):
    live = make_owned(make_owner(json_patch=compact(*found)))
    live = replace(live, kubevirt=with_settings(live.kubevirt, vmRolloutStrategy="LiveUpdate"))
    decision = decision_of(
        desired(**{"spec.configuration.vmRolloutStrategy": "Stage"}),
        live,
        hyperconverged=HyperConvergedPolicy.ANNOTATION,
    )
    (action,) = decision.actions
    assert json.loads(action.patch[-1].value) == list(expected)


LIVE_UPDATE_POINTER = "/spec/configuration/liveUpdateConfiguration"
PARENT = {"op": "add", "path": LIVE_UPDATE_POINTER}


def permitted(state, *operations, release="1.15", version="v1.5.2"):
    owner = make_owner(f"{release}.0", "v1beta1", json_patch=compact(*operations))
    live = make_owned(owner, version=version)
    return decision_of(state, live, hyperconverged=HyperConvergedPolicy.ANNOTATION)


def test_setting_inside_a_field_that_the_hyperconverged_annotation_sets_waits_for_the_operator():
    live = make_owned(make_owner("1.15.0", "v1beta1"), version="v1.5.2")
    parents = frozenset({("spec",), ("spec", "configuration")})
    live = replace(live, kubevirt=replace(live.kubevirt, containers=parents))
    (action,) = decision_of(RATIO, live, hyperconverged=HyperConvergedPolicy.ANNOTATION).actions
    written = json.loads(action.patch[-1].value)
    assert written == [{**PARENT, "value": {"maxHotplugRatio": 8}}]
    assert permitted(RATIO, *written).reason.value == "owner-not-settled"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # An earlier value of the field, a second field, and a parent of the parent.
        (
            [{**PARENT, "value": {"maxHotplugRatio": 4}}],
            [{**PARENT, "value": {"maxHotplugRatio": 8}}],
        ),
        (
            [{**PARENT, "value": {"maxGuest": "64Gi"}}, OTHER],
            [{**PARENT, "value": {"maxGuest": "64Gi", "maxHotplugRatio": 8}}, OTHER],
        ),
        (
            [{"op": "replace", "path": "/spec/configuration", "value": {"cpuModel": "Haswell"}}],
            [
                {
                    "op": "replace",
                    "path": "/spec/configuration",
                    "value": {
                        "cpuModel": "Haswell",
                        "liveUpdateConfiguration": {"maxHotplugRatio": 8},
                    },
                }
            ],
        ),
        # A later operation tests the old value, which must not change before the test.
        (
            [{**PARENT, "value": {}}, {**PARENT, "op": "test", "value": {}}],
            [
                {**PARENT, "value": {}},
                {**PARENT, "op": "test", "value": {}},
                {"op": "add", "path": f"{LIVE_UPDATE_POINTER}/maxHotplugRatio", "value": 8},
            ],
        ),
    ],
)
def test_hyperconverged_annotation_operation_on_a_parent_field_keeps_the_fields_of_other_settings(
    found, expected
):
    (action,) = permitted(RATIO, *found).actions
    assert json.loads(action.patch[-1].value) == expected
    assert permitted(RATIO, *expected).reason.value == "owner-not-settled"


@pytest.mark.parametrize(
    "operation", [{**PARENT, "op": "remove"}, {**PARENT, "value": None}, {**PARENT, "value": []}]
)
def test_setting_is_blocked_if_the_hyperconverged_annotation_removes_or_empties_the_parent_field(
    operation,
):
    decision = permitted(RATIO, operation)
    assert (decision.reason.value, decision.actions) == ("set-by-annotation", ())


def test_feature_gate_is_added_to_the_list_that_a_hyperconverged_annotation_operation_sets():
    parent = {"op": "add", "path": "/spec/configuration/developerConfiguration"}
    (action,) = permitted(GATE, {**parent, "value": {"featureGates": ["Root"]}}).actions
    (written,) = json.loads(action.patch[-1].value)
    assert written == {**parent, "value": {"featureGates": ["Root", "VSOCK"]}}
    assert permitted(GATE, written).reason.value == "owner-not-settled"


@pytest.mark.parametrize("text", ["{", "{}", '[{"op":"add"}]', "[1]"])
def test_hyperconverged_annotation_that_is_not_a_json_patch_is_not_extended(text):
    live = gated(make_owner(json_patch=text))
    decision = decision_of(GATE, live, hyperconverged=HyperConvergedPolicy.ANNOTATION)
    assert decision.reason.value == "set-by-annotation"
    assert "is not a valid JSON Patch" in decision.why.message


def test_hyperconverged_manifest_in_git_selects_the_kubevirt_cr_that_it_owns():
    settings = RATIO.kubevirt.settings
    decision = decision_of(with_ref(settings, HYPERCONVERGED), make_owned(make_owner()))
    assert (decision.ref, decision.reason.value) == (OWNED, "config-change")


def test_hyperconverged_manifest_is_blocked_if_permissions_are_missing():
    decision = decision_of(with_ref(RATIO.kubevirt.settings, HYPERCONVERGED), make_owned(None))
    assert (decision.ref, decision.reason.value) == (OWNED, "owned-by-hyperconverged")
    assert "examples/deploy/overlays/hyperconverged" in decision.why.hint


@pytest.mark.parametrize(
    "ref", [HYPERCONVERGED._replace(name="other"), kubevirt_ref("kubevirt", "kubevirt")]
)
def test_manifest_for_a_kubevirt_or_hyperconverged_that_does_not_exist_is_blocked(ref):
    decision = decision_of(with_ref(RATIO.kubevirt.settings, ref), make_owned(make_owner()))
    assert decision.reason.value == "wrong-kubevirt"
    assert "written through HyperConverged" in decision.why.message


@pytest.mark.parametrize(
    ("live", "beside", "reason"),
    [
        (make_owned(make_owner()), HYPERCONVERGED, "config-change"),
        (make_owned(make_owner()), HYPERCONVERGED._replace(name="other"), "wrong-kubevirt"),
        (make_live(kubevirt=make_kubevirt(ref=OWNED)), HYPERCONVERGED, "wrong-kubevirt"),
    ],
)
def test_hyperconverged_manifest_beside_a_kubevirt_manifest_must_match_the_cluster(
    live, beside, reason
):
    state = replace(RATIO, kubevirt=replace(RATIO.kubevirt, hyperconverged=beside))
    decision = decision_of(state, live)
    assert decision.reason.value == reason
    assert reason != "wrong-kubevirt" or str(beside) in decision.why.message


def test_action_digest_depends_on_the_object_and_api_version_that_receive_the_write():
    old = make_owner(version="v1beta1", containers=frozenset({("spec",)}))
    digests = {
        decision_of(RATIO, make_owned(each)).actions[0].digest
        for each in (make_owner(), old, make_owner(uid="other"))
    }
    assert len(digests) == 3


def test_warning_names_the_tool_that_would_revert_the_hyperconverged_object():
    owner = make_owner(managers={RATIO_HOME: "argocd-controller"})
    decision = decision_of(RATIO, make_owned(owner))
    assert decision.warnings[0].startswith(
        "the field manager argocd-controller wrote "
        "spec.virtualization.liveUpdateConfiguration.maxHotplugRatio last"
    )
    assert "examples/interop/argocd-cm.yaml" in decision.warnings[0]
    assert decision.owner == "argocd-controller"


@pytest.mark.parametrize(
    ("release", "shown", "settable"),
    [
        ("1.15.0", {}, False),
        # The object shows the field, so its CustomResourceDefinition has it.
        ("1.15.0", {("spec", "liveUpdateConfiguration", "maxHotplugRatio"): 4}, True),
        # OpenShift Virtualization 4.19 has HyperConverged 1.15, and 4.20 has 1.16.
        ("4.19.3", {}, False),
        ("4.20.0", {}, True),
    ],
)
def test_hyperconverged_field_exists_if_the_release_has_it_or_the_object_contains_it(
    release, shown, settable
):
    owner = make_owner(release, "v1beta1", spellings=shown)
    decision = decision_of(RATIO, make_owned(owner))
    assert (decision.effect.value == "config") is settable
    if not settable:
        assert "HyperConverged 1.15 (v1beta1) has no field" in decision.why.message


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        (
            {"json_patch": "[]", "json_patch_manager": "argocd-controller"},
            f"argocd-controller wrote metadata.annotations.{ANNOTATION} last",
        ),
        ({"tracked_by": "Flux Kustomization a/b"}, f"metadata.annotations.{ANNOTATION}"),
    ],
)
def test_warning_names_the_tool_that_would_revert_the_hyperconverged_annotation(marks, words):
    live = gated(make_owner(**marks))
    decision = decision_of(GATE, live, hyperconverged=HyperConvergedPolicy.ANNOTATION)
    assert words in decision.warnings[0]


def test_hint_for_a_disabled_feature_gate_does_not_change_a_cr_that_hyperconverged_writes():
    live = gated(make_owner())
    live = replace(live, kubevirt=replace(live.kubevirt, disabled_gates=frozenset({"VSOCK"})))
    decision = decision_of(GATE, live, hyperconverged=HyperConvergedPolicy.ANNOTATION)
    assert decision.reason.value == "gate-disabled"
    assert decision.why.hint.startswith(f"enable the gate in {HYPERCONVERGED}")
