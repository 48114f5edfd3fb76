"""Rollouts of VMs that use an instancetype, in each recorded KubeVirt version."""

from __future__ import annotations

import json

import pytest
from support.simulated import Rig, only, simulator

from reconciler.model.run.outcome import ExitCode

VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
TYPES = "/apis/instancetype.kubevirt.io/v1beta1"
VERSIONS = ("v1.3.1", "v1.6.3", "v1.9.0")


def manifest(name: str) -> str:
    return f"""\
---
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {{name: vm, namespace: default}}
spec: {{instancetype: {{kind: VirtualMachineInstancetype, name: {name}}}}}
"""


def rig(version: str, **changes) -> Rig:
    spec = {
        "configuration": {
            "developerConfiguration": {"featureGates": ["VMLiveUpdateFeatures"]},
            "vmRolloutStrategy": "LiveUpdate",
        },
        "workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]},
    }
    return Rig(simulator("instancetype", kubevirt={"version": version, "spec": spec}, **changes))


def stored(run: Rig) -> dict:
    return json.loads(run.sim.request("GET", VM).body)


@pytest.mark.parametrize("version", VERSIONS)
def test_instancetype_change_is_reported_as_done_once_the_guest_has_the_instancetype_memory(
    version,
):
    run = rig(version)
    report = run.apply(manifest("large"))
    outcome = only(report)
    assert (report.exit, outcome.result, outcome.reason) == (ExitCode.DONE, "done", "converged")
    memory = run.vmi("default", "vm")["status"]["memory"]
    assert (memory["guestAtBoot"], memory["guestRequested"], memory["guestCurrent"]) == (
        "1Gi",
        "2Gi",
        "2Gi",
    )
    assert stored(run)["spec"]["instancetype"]["name"] == "large"
    assert outcome.migration is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_second_run_of_a_completed_instancetype_change_sends_no_patch(version):
    run = rig(version)
    run.apply(manifest("large"))
    report = run.apply(manifest("large"))
    assert (report.exit, report.outcomes, len(run.patches())) == (ExitCode.DONE, (), 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_instancetype_change_can_be_reverted(version):
    run = rig(version)
    run.apply(manifest("large"))
    report = run.apply(manifest("small"))
    assert (report.exit, only(report).reason) == (ExitCode.DONE, "converged")
    assert run.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "1Gi"


def test_kubevirt_v1_3_1_stores_the_new_revision_name_after_an_instancetype_change():
    run = rig("v1.3.1")
    before = stored(run)["spec"]["instancetype"]["revisionName"]
    run.apply(manifest("large"))
    after = stored(run)["spec"]["instancetype"]["revisionName"]
    assert ("-small-" in before, "-large-" in after) == (True, True)


@pytest.mark.parametrize("version", VERSIONS)
def test_instancetype_change_by_another_client_is_tracked(version):
    run = rig(version)
    # A merge patch with null removes the revisionName, if it is set.
    change = {"spec": {"instancetype": {"name": "large", "revisionName": None}}}
    assert run.merge(VM, change, agent="kubectl") == 200
    run.clock.sleep(2.0)
    (decision,) = run.plan(manifest("large")).decisions
    assert (decision.effect.value, decision.reason.value) == ("wait", "in-flight")
    assert decision.owner == "kubectl"
    report = run.apply(manifest("large"))
    assert (report.exit, only(report).reason, run.patches()) == (ExitCode.DONE, "converged", [])


@pytest.mark.parametrize("version", VERSIONS)
def test_stopped_vm_is_patched_with_the_instancetype_for_its_next_start(version):
    run = rig(version, vms=[{"name": "vm", "instancetype": "small", "running": False}])
    report = run.apply(manifest("large"))
    assert (report.exit, only(report).reason) == (ExitCode.DONE, "stopped-as-desired")
    assert stored(run)["spec"]["instancetype"]["name"] == "large"


def test_vm_is_not_patched_if_its_new_instancetype_is_missing():
    run = rig("v1.9.0")
    report = run.apply(manifest("larg"))
    assert (report.exit, only(report).reason) == (ExitCode.BLOCKED, "instancetype-not-found")
    assert run.patches() == []
    # The API server rejects a patch with this instancetype too.
    spec = {"spec": {"instancetype": {"name": "larg"}}}
    assert run.merge(VM, spec, agent="kubectl") == 422


@pytest.mark.parametrize("world", ["instancetype", "hotplug"])
def test_instancetypes_are_listed_only_if_a_vm_uses_an_instancetype(world):
    run = Rig(simulator(world))
    run.informer.read()
    asked = [each.path for each in run.sim.request_log if each.path.startswith(TYPES)]
    assert asked == (
        [
            f"{TYPES}/virtualmachineinstancetypes",
            f"{TYPES}/virtualmachineclusterinstancetypes",
        ]
        if world == "instancetype"
        else []
    )


def test_cluster_instancetype_works_like_a_namespaced_instancetype():
    kinds = [{"name": "small", "guest": "1Gi"}, {"name": "large", "guest": "2Gi"}]
    run = rig("v1.9.0", instancetypes=kinds, vms=[])
    matcher = {"kind": "VirtualMachineClusterInstancetype", "name": "small"}
    made = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "vm", "namespace": "default"},
        "spec": {
            "runStrategy": "Always",
            "instancetype": matcher,
            "template": {"spec": {"domain": {"devices": {}}}},
        },
    }
    headers = {"content-type": "application/json"}
    collection = VM.removesuffix("/vm")
    run.sim.request("POST", collection, headers=headers, body=json.dumps(made).encode())
    run.clock.sleep(30.0)
    text = manifest("large").replace("VirtualMachineInstancetype", matcher["kind"])
    assert run.apply(text).exit == ExitCode.DONE
    assert run.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "2Gi"


def test_json_patch_tests_the_generation_of_a_vm_that_sets_only_memory_requests():
    run = Rig(simulator("requests-only"))
    text = manifest("x").replace(
        "instancetype: {kind: VirtualMachineInstancetype, name: x}",
        "template: {spec: {domain: {memory: {guest: 2Gi}}}}",
    )
    (decision,) = run.plan(text).decisions
    assert [(op.op, op.path) for op in decision.actions[0].patch] == [
        ("test", "/metadata/uid"),
        ("test", "/metadata/generation"),
        ("add", "/spec/template/spec/domain/memory"),
    ]
    report = run.apply(text)
    assert (report.exit, only(report).reason) == (ExitCode.DONE, "converged")
    domain = stored(run)["spec"]["template"]["spec"]["domain"]
    assert (domain["memory"], domain["resources"]) == (
        {"guest": "2Gi"},
        {"requests": {"memory": "1Gi"}},
    )


def test_target_pod_whose_request_exceeds_its_limit_is_rejected():
    run = Rig(simulator("limits-overcommit"))
    memory = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "4Gi"}}}}}}
    assert run.merge(VM, memory, agent="kubectl") == 200
    run.clock.sleep(600.0)
    vmi = run.vmi("default", "vm")
    assert vmi["spec"]["domain"]["resources"] == {
        "requests": {"memory": "4Gi"},
        "limits": {"memory": "3Gi"},
    }
    assert vmi["status"]["memory"]["guestCurrent"] == "2Gi"
    said = [each["note"] for each in run.sim.store.list("events.events.k8s.io")] or [
        each["message"] for each in run.sim.store.list("events")
    ]
    assert any("must be less than or equal to memory limit of" in each for each in said)
