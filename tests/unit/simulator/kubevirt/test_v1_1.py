"""Tests KubeVirt v1.1 and v1.2: liveUpdateFeatures, denials and instancetypes.

Source: v1.1.0 pkg/virt-api/webhooks/validating-webhook/admitters/vms-admitter.go:440-592,865-939;
v1.2.0 :430-567 and pkg/virt-controller/watch/vm.go:3189.
"""

from __future__ import annotations

import json

import pytest
from support.one_vm_world import LIVE, Play, message

from reconciler.simulator.worlds.field_reader import WorldError

ABOVE_MAX = "Guest memory is greater than the configured maxGuest memory"
SWITCH = {"liveUpdateFeatures": {"memory": {}}}
ROOMY = {"liveUpdateFeatures": {"memory": {"maxGuest": "4Gi"}}}


def old(*vms, **world):
    return Play(*vms, version="v1.1.1", **world)


@pytest.mark.parametrize(
    ("switch", "max_guest"),
    [(SWITCH, "8Gi"), (ROOMY, "4Gi"), ({}, None)],
    ids=["by the ratio", "of its own", "none"],
)
def test_vmi_on_kubevirt_v1_1_has_a_max_guest_if_its_vm_enables_live_updates(switch, max_guest):
    play = old({"guest": "2Gi", **switch})
    assert play.vmi["spec"]["domain"]["memory"].get("maxGuest") == max_guest


def test_vm_memory_on_kubevirt_v1_1_does_not_change_live_below_the_boot_size():
    play = old({"guest": "2Gi", **ROOMY})
    for size in ("3Gi", "2Gi"):
        assert play.ask(size).status == 200
        play.run(60)
        assert play.memory == ("2Gi", size, size)
    assert play.phases == ["Succeeded"] * 2
    assert message(play.ask("1Gi")) == (
        'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: '
        "cannot set less memory than what the guest booted with"
    )


def test_memory_change_of_a_vm_without_live_update_features_sets_no_condition():
    play = old({"guest": "2Gi"})
    assert play.ask("3Gi").status == 200
    play.run(60)
    assert (play.memory, play.said, play.phases) == (("2Gi",) * 3, {}, [])


def test_kubevirt_v1_1_denies_a_second_memory_change_while_the_first_change_is_in_flight():
    play = old({"guest": "2Gi", **ROOMY, "faults": {"transfer": "20s"}})
    play.ask("3Gi")
    play.run(1)
    assert "another memory change is in progress" in message(play.ask("4Gi"))


@pytest.mark.parametrize(
    ("after_s", "said"), [(0.2, ": in-flight migration detected. Active migration job"), (5, "")]
)
def test_kubevirt_v1_1_denies_a_memory_change_while_the_vm_migrates(after_s, said):
    vm = {"guest": "2Gi", **ROOMY, "faults": {"transfer": "20s"}}
    play = old(vm, migrations=[{"vmi": "vm"}])
    play.run(after_s)
    assert f"cannot update while VMI migration is in progress{said}" in message(play.ask("3Gi"))
    play.run(60)
    assert play.ask("3Gi").status == 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"memory": {"guest": "5Gi"}}, "greater than the configured maxGuest memory"),
        ({"memory": {"guest": "2049Mi"}}, "Guest memory must be 2Mi aligned"),
        ({"memory": {"maxGuest": "8Gi"}}, "Memory maxGuest cannot be set directy in VM template"),
        ({"memory": {"hugepages": {"pageSize": "2Mi"}}}, "not compatible with hugepages"),
        ({"cpu": {"dedicatedCpuPlacement": True}}, "not compatible with dedicated CPUs"),
        ({"resources": {"limits": {"memory": "4Gi"}}}, "Configuration of Memory limits"),
    ],
)
def test_kubevirt_v1_1_denies_fields_that_conflict_with_live_update_features(change, said):
    assert said in message(old({"guest": "2Gi", **ROOMY}).domain(**change))


def test_kubevirt_v1_1_has_no_minimum_size_for_memory_hotplug():
    play = old({"guest": "512Mi", **ROOMY})
    play.ask("768Mi")
    play.run(60)
    assert play.memory == ("512Mi", "768Mi", "768Mi")


def test_live_update_features_of_a_running_vm_cannot_change():
    play = old({"guest": "2Gi"})
    assert "Cannot update VM live features" in message(play.patch({"spec": SWITCH}))


def test_live_update_features_require_the_feature_gate():
    with pytest.raises(WorldError, match="feature gate is not enabled in kubevirt-config"):
        Play({**SWITCH}, version="v1.1.0", spec={"configuration": {}})


def test_vm_with_live_update_features_cannot_have_an_instancetype():
    kinds = [{"name": "small", "guest": "2Gi"}]
    with pytest.raises(WorldError, match="cannot be used when instance type is configured"):
        old({"instancetype": "small", **SWITCH}, instancetypes=kinds)


def test_kubevirt_versions_after_v1_1_remove_live_update_features():
    with pytest.raises(WorldError, match=r"which v1\.2 removed"):
        Play({**SWITCH}, version="v1.2.0")
    play = Play({"guest": "2Gi"}, version="v1.2.0")
    assert play.patch({"spec": SWITCH}).status == 200
    assert "liveUpdateFeatures" not in play.get()["spec"]


TYPES = [{"name": name, "guest": f"{n}Gi"} for n, name in ((2, "small"), (3, "big"))]


def name_of(play, name):
    """Changes the instancetype name of a VM and, as v1.3 requires, removes the revision name."""
    return play.patch({"spec": {"instancetype": {"name": name, "revisionName": None}}})


@pytest.mark.parametrize(
    ("version", "reached"),
    [
        ("v1.1.1", "2Gi"),
        ("v1.2.0", "2Gi"),
        ("v1.2.2", "2Gi"),
        ("v1.3.0", "3Gi"),
        ("v1.4.0", "3Gi"),
    ],
)
def test_instancetype_change_applies_to_a_running_vm_since_kubevirt_v1_3(version, reached):
    play = Play({"instancetype": "small"}, version=version, instancetypes=TYPES)
    assert name_of(play, "big").status == 200
    play.run(60)
    assert play.memory[2] == reached
    assert play.said == {}


def test_kubevirt_v1_2_0_denies_an_instancetype_that_sets_max_guest():
    kinds = [*TYPES, {"name": "roomy", "guest": "3Gi", "maxGuest": "8Gi"}]
    for version, status in (("v1.2.0", 422), ("v1.2.1", 200)):
        play = Play({"instancetype": "small"}, version=version, instancetypes=kinds)
        assert name_of(play, "roomy").status == status, version


def test_instancetype_name_and_revision_must_change_together_up_to_kubevirt_v1_4():
    play = Play({"instancetype": "small"}, version="v1.4.0", instancetypes=TYPES)
    said = message(play.patch({"spec": {"instancetype": {"name": "big"}}}))
    assert "without updating the RevisionName" in said


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("v1.2.1", "memory updated in template spec to a value higher than what's available"),
        ("v1.3.0", f"memory hotplug not supported, {ABOVE_MAX}"),
    ],
)
def test_error_message_about_memory_above_max_guest_differs_before_kubevirt_v1_3(version, said):
    play = Play({"guest": "2Gi"}, version=version)
    play.ask("10Gi")
    play.run(5)
    assert play.said["RestartRequired"] == said


@pytest.mark.parametrize(("version", "status"), [("v1.7.1", 422), ("v1.8.0", 200)])
def test_vm_that_is_not_amd64_requires_a_feature_gate_up_to_kubevirt_v1_7(version, status):
    vm = {"guest": "2Gi", "architecture": "arm64"}
    assert Play(vm, version=version).ask("3Gi").status == status
    developer = {"featureGates": ["MultiArchitecture"]}
    gated = json.loads(json.dumps(LIVE))
    gated["configuration"]["developerConfiguration"] = developer
    assert Play(vm, version=version, spec=gated).ask("3Gi").status == 200
