"""Tests the simulated operators that manage the KubeVirt CR: HyperConverged and Harvester."""

from __future__ import annotations

import json

import pytest
from support.kubevirt_world import MERGE_PATCH, patch

from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.store.history import Key
from reconciler.simulator.worlds.field_reader import WorldError
from reconciler.simulator.worlds.worlds import parse

NAMESPACE = "kubevirt-hyperconverged"
KUBEVIRT = Key("kubevirts.kubevirt.io", NAMESPACE, "kubevirt-kubevirt-hyperconverged")
ANNOTATION = "kubevirt.kubevirt.io/jsonpatch"
VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
SETTING = "/apis/harvesterhci.io/v1beta1/settings/max-hotplug-ratio"
GUEST = ("spec", "template", "spec", "domain", "memory", "guest")


def started(**world):
    document = {"apiVersion": "simulator/v1alpha1", "kind": "World", **world}
    return Simulator(parse(document), clock=SimClock(scale=None))


def owned(**hyperconverged):
    version = hyperconverged.pop("kubevirt", "v1.9.0")
    kubevirt = {"owner": "HyperConverged", "version": version}
    return started(kubevirt=kubevirt, hyperConverged=hyperconverged)


def spec(sim):
    return sim.store.get(KUBEVIRT)["spec"]


# Source of the defaults: the table of HyperConverged releases, 1.10 to 1.19.
@pytest.mark.parametrize(
    ("release", "kubevirt", "strategy", "completion", "outbound"),
    [
        ("1.10", "v1.1.1", None, 800, 2),
        ("1.12", "v1.2.2", "LiveUpdate", 800, 2),
        ("1.14", "v1.4.0", "LiveUpdate", 150, 2),
        ("1.18", "v1.8.4", "LiveUpdate", 150, 2),
        ("1.19", "v1.9.0", "LiveUpdate", 20, 1),
    ],
)
def test_kubevirt_cr_has_the_defaults_of_the_hyperconverged_release(
    release, kubevirt, strategy, completion, outbound
):
    found = spec(owned(release=release, kubevirt=kubevirt))
    migrations = found["configuration"]["migrations"]
    assert found["configuration"].get("vmRolloutStrategy") == strategy
    assert migrations["completionTimeoutPerGiB"] == completion
    assert migrations["parallelOutboundMigrationsPerNode"] == outbound
    assert found["workloadUpdateStrategy"]["workloadUpdateMethods"] == ["LiveMigrate"]


def test_hyperconverged_operator_reverts_foreign_changes_of_the_kubevirt_cr():
    sim = owned()
    before = spec(sim)
    path = f"/apis/kubevirt.io/v1/namespaces/{NAMESPACE}/kubevirts/{KUBEVIRT.name}"
    assert patch(sim, path, {"spec": {"workloadUpdateStrategy": None}}).status == 200
    sim.engine.run_until(5)
    found = sim.store.get(KUBEVIRT)
    assert found["spec"] == before
    assert found["metadata"]["ownerReferences"][0]["kind"] == "HyperConverged"
    managers = {entry["manager"] for entry in found["metadata"]["managedFields"]}
    assert "hyperconverged-cluster-operator" in managers


@pytest.mark.parametrize(
    ("annotations", "parallel"),
    [
        ({}, 5),
        ({"ignore-fields": "/spec/virtualization/liveMigrationConfig"}, 7),
        ({"autopilot": "false"}, 7),
        ({"mode": "unmanaged"}, 7),
    ],
)
def test_autopilot_applies_its_fields_every_five_minutes_unless_an_annotation_prevents_this(
    annotations, parallel
):
    applied = {"parallelMigrationsPerCluster": 5}
    fields = {"spec": {"virtualization": {"liveMigrationConfig": applied}}}
    named = {f"platform.kubevirt.io/{name}": value for name, value in annotations.items()}
    sim = owned(autopilot={"fields": fields}, annotations=named)
    path = f"/apis/hco.kubevirt.io/v1/namespaces/{NAMESPACE}/hyperconvergeds/{NAMESPACE}"
    sim.engine.run_until(10)
    changed = {"parallelMigrationsPerCluster": 7, "progressTimeout": 9}
    patch(sim, path, {"spec": {"virtualization": {"liveMigrationConfig": changed}}})
    sim.engine.run_until(290)
    assert spec(sim)["configuration"]["migrations"]["parallelMigrationsPerCluster"] == 7
    sim.engine.run_until(310)
    migrations = spec(sim)["configuration"]["migrations"]
    assert (migrations["parallelMigrationsPerCluster"], migrations["progressTimeout"]) == (
        parallel,
        9,
    )


HCO = "/apis/hco.kubevirt.io/{}/namespaces/kubevirt-hyperconverged/hyperconvergeds/{}"


def parallel_migrations(number, version):
    spec = {"liveMigrationConfig": {"parallelMigrationsPerCluster": number}}
    return {"spec": {"virtualization": spec} if version == "v1" else spec}


def writers(sim):
    """Return the API version and the manager of each entry that has the field, in its version."""
    meta = sim.store.list("hyperconvergeds.v1.hco.kubevirt.io")[0]["metadata"]
    for entry in meta["managedFields"]:
        found, version = entry["fieldsV1"].get("f:spec", {}), entry["apiVersion"].split("/")[1]
        found = found.get("f:virtualization", {}) if version == "v1" else found
        if "f:parallelMigrationsPerCluster" in found.get("f:liveMigrationConfig", {}):
            yield version, entry["manager"]


def test_write_in_one_api_version_of_hyperconverged_replaces_the_manager_of_the_other_version():
    sim = owned()
    old, new = (HCO.format(version, NAMESPACE) for version in ("v1beta1", "v1"))
    assert patch(sim, old, parallel_migrations(7, "v1beta1"), agent="argocd/1").status == 200
    sim.engine.run_until(5)
    read = {path: json.loads(sim.request("GET", path).body) for path in (old, new)}
    assert read[old]["spec"]["liveMigrationConfig"]["parallelMigrationsPerCluster"] == 7
    assert "virtualization" not in read[old]["spec"]
    moved = read[new]["spec"]["virtualization"]["liveMigrationConfig"]
    assert moved["parallelMigrationsPerCluster"] == 7
    assert spec(sim)["configuration"]["migrations"]["parallelMigrationsPerCluster"] == 7
    assert list(writers(sim)) == [("v1beta1", "argocd")]

    patch(sim, new, parallel_migrations(8, "v1"), agent="kubectl/1")
    assert list(writers(sim)) == [("v1", "kubectl")]
    patch(sim, old, parallel_migrations(9, "v1beta1"), agent="argocd/1")
    assert list(writers(sim)) == [("v1beta1", "argocd")]


@pytest.mark.parametrize(
    ("fields", "versions"),
    [
        ({}, ["v1", "v1beta1"]),
        ({"servesV1beta1": False}, ["v1"]),
        ({"release": "1.17", "kubevirt": "v1.7.4"}, ["v1beta1"]),
    ],
)
def test_simulated_api_server_lists_exactly_the_hyperconverged_versions_that_it_serves(
    fields, versions
):
    sim = owned(**fields)
    (group,) = [
        each
        for each in json.loads(sim.request("GET", "/apis").body)["groups"]
        if each["name"] == "hco.kubevirt.io"
    ]
    assert [each["version"] for each in group["versions"]] == versions
    for version in ("v1", "v1beta1"):
        status = sim.request("GET", HCO.format(version, NAMESPACE)).status
        assert status == (200 if version in versions else 404)


def test_invalid_json_patch_annotation_makes_hyperconverged_degraded():
    sim = owned()
    path = f"/apis/hco.kubevirt.io/v1/namespaces/{NAMESPACE}/hyperconvergeds/{NAMESPACE}"
    text = '[{"op": "add", "path": "/metadata/labels/x", "value": "y"}]'
    patch(sim, path, {"metadata": {"annotations": {ANNOTATION: text}}})
    sim.engine.run_until(5)
    found = json.loads(sim.request("GET", path).body)
    states = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert (states["ReconcileComplete"], states["Degraded"]) == ("False", "True")


def test_hyperconverged_api_group_is_served_only_in_a_cluster_with_hyperconverged():
    plain, hyperconverged = started(), owned(release="1.17", kubevirt="v1.7.4")

    def versions(sim):
        groups = json.loads(sim.request("GET", "/apis").body)["groups"]
        return {each["name"]: each["preferredVersion"]["version"] for each in groups}

    assert "hco.kubevirt.io" not in versions(plain)
    assert versions(hyperconverged)["hco.kubevirt.io"] == "v1beta1"
    path = "/apis/hco.kubevirt.io/v1beta1/hyperconvergeds"
    assert plain.request("GET", path).status == 404
    assert hyperconverged.request("GET", path).status == 200


@pytest.mark.parametrize(
    ("world", "words"),
    [
        (
            {"kubevirt": {"owner": "HyperConverged"}, "hyperConverged": {"release": "2.0"}},
            "is not one of the releases 1.10 to 1.19",
        ),
        (
            {"kubevirt": {"owner": "HyperConverged", "spec": {"configuration": {}}}},
            "set hyperConverged.spec instead",
        ),
        (
            {
                "kubevirt": {"owner": "HyperConverged"},
                "hyperConverged": {"annotations": {ANNOTATION: "{"}},
            },
            "hyperConverged.annotations",
        ),
        ({"hyperConverged": {"release": "1.19"}}, "unknown field"),
    ],
)
def test_impossible_hyperconverged_or_harvester_in_a_scenario_is_rejected(world, words):
    with pytest.raises(WorldError, match=words):
        started(**world)


def harvester(**vm):
    return started(
        kubevirt={"owner": "Harvester", "version": "v1.8.4", "spec": {"configuration": {}}},
        vms=[{"name": "vm", "guest": "1Gi", **vm}],
    )


def grown(sim, guest):
    return patch(
        sim, VM, {"spec": {"template": {"spec": {"domain": {"memory": {"guest": guest}}}}}}
    )


def guest(answer):
    found = json.loads(answer.body)
    for name in GUEST:
        found = found[name]
    return found


HOTPLUG = {"harvesterhci.io/enableCPUAndMemoryHotplug": "true"}
LIMITED = {"domain": {"resources": {"limits": {"memory": "1124Mi"}}}}


def test_harvester_sets_guest_memory_from_the_limit_if_a_vm_has_no_hotplug_annotation():
    answer = grown(harvester(**LIMITED), "2Gi")
    assert (answer.status, guest(answer)) == (200, "1Gi")


@pytest.mark.parametrize(
    ("vm", "size", "words"),
    [
        ({"guest": "2Gi", "annotations": HOTPLUG}, "1Gi", "cannot be decreased"),
        ({"maxGuest": "4Gi", "annotations": HOTPLUG}, "8Gi", "maxGuest"),
    ],
)
def test_harvester_denies_a_memory_size_below_the_current_size_or_above_the_maximum(
    vm, size, words
):
    answer = grown(harvester(**vm), size)
    assert answer.status in {400, 422}
    assert words in json.loads(answer.body)["message"]


def test_harvester_accepts_a_smaller_memory_size_of_a_stopped_vm():
    answer = grown(harvester(guest="2Gi", annotations=HOTPLUG, running=False), "1Gi")
    assert (answer.status, guest(answer)) == (200, "1Gi")


@pytest.mark.parametrize(("value", "status"), [("20", 200), ("21", 400), ("0", 400), ("x", 400)])
def test_harvester_accepts_only_a_hotplug_ratio_from_1_to_20(value, status):
    sim = harvester()
    answer = sim.request(
        "PATCH", SETTING, headers=MERGE_PATCH, body=json.dumps({"value": value}).encode()
    )
    assert answer.status == status


RANCHER = {"resourcequota.management.cattle.io/default-resource-quota": "true"}


@pytest.mark.parametrize(
    ("labels", "down", "limits"),
    [
        # 2Gi, and in addition 2148Mi of the VMI with 4 + 220 + 8 + 8 + 32Mi of overhead
        (RANCHER, False, {"2Gi", "4468Mi"}),
        ({}, False, {"2Gi"}),
        (RANCHER, True, {"2Gi"}),
    ],
)
def test_quota_that_rancher_manages_is_raised_by_harvester_while_a_vm_migrates(
    labels, down, limits
):
    """Source: harvester pkg/controller/master/migration/vmim_controller.go."""
    resources = {"requests": {"memory": "1Gi"}, "limits": {"memory": "1124Mi"}}
    spec = {
        "configuration": {"vmRolloutStrategy": "LiveUpdate"},
        "workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]},
    }
    sim = started(
        kubevirt={"owner": "Harvester", "version": "v1.8.4", "spec": spec},
        harvester={"down": down},
        quotas=[{"name": "q", "labels": labels, "hard": {"limits.memory": "2Gi"}}],
        vms=[{"name": "vm", "domain": {"resources": resources}, "annotations": HOTPLUG}],
    )
    assert grown(sim, "2Gi").status == 200
    key, seen = Key("resourcequotas", "default", "q"), set()
    sim.store.subscribe(
        lambda _event: seen.add(sim.store.get(key)["spec"]["hard"]["limits.memory"])
    )
    sim.engine.run_until(60)
    assert seen == limits
    assert sim.store.get(key)["spec"]["hard"] == {"limits.memory": "2Gi"}
    [vmi] = sim.store.list("virtualmachineinstances.kubevirt.io")
    raised = len(limits) > 1
    assert (vmi["status"]["memory"]["guestCurrent"] == "2Gi") is raised


def test_deployment_tool_resets_a_vm_after_each_change():
    size = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "1Gi"}}}}}}
    writer = {"name": "vm", "manager": "helm-controller", "after": "5s", "patch": size}
    sim = started(vms=[{"name": "vm", "guest": "1Gi"}], rewrittenBy=[writer])
    for _ in range(2):
        assert guest(grown(sim, "2Gi")) == "2Gi"
        sim.engine.step(6)
        assert guest(sim.request("GET", VM)) == "1Gi"


def test_rancher_fleet_restores_the_harvester_chart_but_keeps_the_hotplug_ratio_setting():
    sim = harvester()
    body = json.dumps({"value": "8"}).encode()
    assert sim.request("PATCH", SETTING, headers=MERGE_PATCH, body=body).status == 200
    sim.engine.run_until(5)
    path = "/apis/kubevirt.io/v1/namespaces/harvester-system/kubevirts/kubevirt"
    patch(sim, path, {"spec": {"configuration": {"vmRolloutStrategy": "Stage"}}})
    sim.engine.run_until(60)
    found = json.loads(sim.request("GET", path).body)["spec"]["configuration"]
    assert found == {"liveUpdateConfiguration": {"maxHotplugRatio": 8}}
