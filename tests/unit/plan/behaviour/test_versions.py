"""Tests what KubeVirt can do, given its version and the feature gates of its CR."""

from __future__ import annotations

import pytest
from support.builders import make_kubevirt

from reconciler.model.fields import FEATURE_GATES, NameSet
from reconciler.model.references import kubevirt_ref
from reconciler.plan.behaviour.versions import GateStage, capabilities_of, gate_on

GATE = "SomeGate"


def capabilities(version, gates=(), disabled=(), namespace="kubevirt"):
    kubevirt = make_kubevirt(
        version=version,
        ref=kubevirt_ref(namespace, "config"),
        settings={FEATURE_GATES: NameSet.of(gates)},
        disabled_gates=frozenset(disabled),
    )
    return capabilities_of(kubevirt)


# Columns: whether the gate is on if no list has it, if it is listed, disabled, or both.
# Source: kubevirt v1.9.0 pkg/virt-config/featuregate/feature-gates.go:89-112.
@pytest.mark.parametrize(
    ("stage", "unset", "listed", "disabled", "both"),
    [
        (GateStage.ABSENT, False, False, False, False),
        (GateStage.LISTED, False, True, False, True),
        (GateStage.DEFAULT_ON, True, True, False, True),
        (GateStage.GRADUATED, True, True, True, True),
    ],
)
def test_feature_gate_state_follows_from_its_stage_and_the_lists_in_the_kubevirt_cr(
    stage, unset, listed, disabled, both
):
    name, none = frozenset({GATE}), frozenset()
    found = [
        gate_on(GATE, stage, in_list, in_disabled)
        for in_list, in_disabled in ((none, none), (name, none), (none, name), (name, name))
    ]
    assert found == [unset, listed, disabled, both]


@pytest.mark.parametrize(
    ("version", "gates", "disabled", "live_update", "multi_architecture"),
    [
        ("v1.4.1", (), (), False, False),
        ("v1.4.1", ("VMLiveUpdateFeatures",), (), True, False),
        ("v1.4.1", ("MultiArchitecture", "Other"), (), False, True),
        ("v1.5.0", (), (), True, False),
        ("v1.8.0", (), ("VMLiveUpdateFeatures", "MultiArchitecture"), True, True),
        ("v1.9.0", (), (), True, True),
    ],
)
def test_kubevirt_capabilities_follow_from_the_version_and_the_feature_gates(
    version, gates, disabled, live_update, multi_architecture
):
    found = capabilities(version, gates, disabled)
    assert found.live_update_gate is live_update
    assert found.multi_architecture is multi_architecture


@pytest.mark.parametrize(
    ("version", "graduated"),
    [
        ("v1.4.1", set()),
        ("v1.5.0", {"VMLiveUpdateFeatures"}),
        ("v1.8.0", {"VMLiveUpdateFeatures", "MultiArchitecture"}),
    ],
)
def test_graduated_feature_gates_are_those_that_the_kubevirt_version_ignores(version, graduated):
    assert capabilities(version).graduated_gates == graduated


@pytest.mark.parametrize(
    ("version", "gates", "expected"),
    [
        ("v1.9.0", (), False),
        ("v1.9.0", ("InPlaceHotplug",), True),
        ("v1.8.4", ("InPlaceHotplug",), False),
        ("v1.10.0", ("InPlaceHotplug",), True),
    ],
)
def test_in_place_resize_is_enabled_only_by_a_feature_gate_since_kubevirt_v1_9(
    version, gates, expected
):
    assert bool(capabilities(version, gates).in_place_gate) is expected


@pytest.mark.parametrize(
    ("namespace", "version", "gates", "expected"),
    [
        ("d8-virtualization", "v1.6.2", ("InPlaceResize",), "InPlaceResize"),
        ("d8-virtualization", "v1.6.2", (), ""),
        ("d8-virtualization", "v1.5.0", ("InPlaceResize",), ""),
        # Other distributions of KubeVirt ignore a gate that they do not know.
        ("kubevirt", "v1.9.0", ("InPlaceResize",), ""),
        ("kubevirt", "v1.9.0", ("InPlaceHotplug",), "InPlaceHotplug"),
    ],
)
def test_feature_gate_of_deckhouse_has_an_effect_only_if_deckhouse_installed_kubevirt(
    namespace, version, gates, expected
):
    assert capabilities(version, gates, namespace=namespace).in_place_gate == expected
