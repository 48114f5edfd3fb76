"""Tests patches of a KubeVirt CR: three documented kubectl patches, and reconciler's patches."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace

import pytest
from support.builders import make_desired, make_live

from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.transport import Request
from reconciler.cluster.decode.kubevirt_cr import kubevirt
from reconciler.model import fields
from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.fields import NameSet
from reconciler.plan.kubevirt.kubevirt_decision import decide_kubevirt

GATES = "/spec/configuration/developerConfiguration/featureGates"
FIRST = [{"op": "add", "path": GATES, "value": ["VMLiveUpdateFeatures"]}]
SECOND = [{"op": "add", "path": "/spec/configuration/vmRolloutStrategy", "value": "LiveUpdate"}]
THIRD = [
    {
        "op": "add",
        "path": "/spec/workloadUpdateStrategy/workloadUpdateMethods",
        "value": ["LiveMigrate"],
    }
]
NO_CAUSE = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "the server rejected our request due to an error in our request",
    "reason": "Invalid",
    "details": {},
    "code": 422,
}
"""The response to a JSON patch with a failed test or a missing parent field.

Source: kube-apiserver 1.36.2, recorded.
"""
DEFAULTS = {"configuration": {"developerConfiguration": {"featureGates": ["Snapshot", "Root"]}}}
"""A KubeVirt CR spec with other feature gates, and without rollout and update strategies."""

KUBECTL = shutil.which(
    "kubectl", path=os.pathsep.join((os.environ.get("KUBEBUILDER_ASSETS", ""), os.environ["PATH"]))
)
"""The path of kubectl, either beside the API server's program or from PATH."""

needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")


@pytest.fixture
def patch(client):
    """Return a function that sends patch operations with kubectl's field manager."""

    def send(ref, ops):
        query = {"fieldManager": "kubectl-patch"}
        return client._exchange(Request("PATCH", resource_paths.of(ref), query, ops), None)

    return send


@pytest.fixture
def kubectl(kubeconfig, tmp_path):
    """Return a function that patches with kubectl and returns the finished process."""

    def send(ref, ops):
        command = [KUBECTL, f"--kubeconfig={kubeconfig}", f"--cache-dir={tmp_path}"]
        command += [f"--namespace={ref.namespace}", "patch", "kv", ref.name]
        command += ["--type=json", f"-p={json.dumps(ops)}", "--output=json"]
        return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)

    return send


@pytest.fixture
def spec_of(client):
    def read(ref):
        return json.loads(client.get(resource_paths.of(ref)))["spec"]

    return read


def read_kubevirt(client, ref):
    return kubevirt(client.get(resource_paths.of(ref)))[0]


@pytest.fixture
def live(client):
    """Read the KubeVirt CR with a status as if virt-operator v1.3.1 had deployed KubeVirt."""

    def read(ref):
        settled = {"phase": "Deployed", "version": "v1.3.1", "target_version": "v1.3.1"}
        found = read_kubevirt(client, ref)
        done = {"observed_generation": found.generation, "deployment_id": "d"}
        return replace(found, **settled, **done, target_deployment_id="d")

    return read


@pytest.fixture
def carry_out(writer, live):
    """Return a function that plans and writes step by step until no change is left."""

    def run(ref):
        settings = {
            fields.FEATURE_GATES: NameSet.of(("VMLiveUpdateFeatures",)),
            fields.ROLLOUT_STRATEGY: "LiveUpdate",
            fields.UPDATE_METHODS: NameSet.of(("LiveMigrate",)),
        }
        desired = replace(make_desired(), kubevirt=DesiredKubeVirt(ref=ref, settings=settings))
        sent = []
        while True:
            decision = decide_kubevirt(desired, make_live(kubevirt=live(ref))).decision
            if not decision.actions:
                return sent
            assert len(sent) < 2, "the CR still has changes"
            written = writer.write(decision.actions[0])
            assert written.refusal is None, written.message
            sent.append(decision.actions[0].patch)

    return run


def test_kubectl_patch_that_adds_a_feature_gate_list_replaces_existing_feature_gates(
    make_kubevirt, patch, spec_of
):
    ref = make_kubevirt(DEFAULTS)
    answer = patch(ref, FIRST)
    assert answer.status == 200
    assert spec_of(ref)["configuration"]["developerConfiguration"] == {
        "featureGates": ["VMLiveUpdateFeatures"]
    }


def test_kubectl_patch_of_feature_gates_fails_if_developer_configuration_is_absent(
    make_kubevirt, patch, spec_of
):
    ref = make_kubevirt({"configuration": {}})
    answer = patch(ref, FIRST)
    assert (answer.status, json.loads(answer.body)) == (422, NO_CAUSE)
    assert spec_of(ref) == {"configuration": {}}


def test_kubectl_patch_sets_the_rollout_strategy(make_kubevirt, patch, spec_of):
    ref = make_kubevirt(DEFAULTS)
    assert patch(ref, SECOND).status == 200
    assert spec_of(ref)["configuration"] == {
        **DEFAULTS["configuration"],
        "vmRolloutStrategy": "LiveUpdate",
    }


def test_kubectl_patch_of_update_methods_fails_if_workload_update_strategy_is_absent(
    make_kubevirt, patch, spec_of
):
    ref = make_kubevirt(DEFAULTS)
    answer = patch(ref, THIRD)
    assert (answer.status, json.loads(answer.body)) == (422, NO_CAUSE)
    assert spec_of(ref) == DEFAULTS


def test_kubectl_patch_sets_update_methods_if_workload_update_strategy_exists(
    make_kubevirt, patch, spec_of
):
    ref = make_kubevirt({**DEFAULTS, "workloadUpdateStrategy": {"batchEvictionSize": 5}})
    assert patch(ref, THIRD).status == 200
    assert spec_of(ref)["workloadUpdateStrategy"] == {
        "batchEvictionSize": 5,
        "workloadUpdateMethods": ["LiveMigrate"],
    }


@needs_kubectl
def test_kubectl_receives_the_same_api_responses_as_the_test_client(
    make_kubevirt, kubectl, spec_of
):
    ref = make_kubevirt(DEFAULTS)
    first, second, third = (kubectl(ref, ops) for ops in (FIRST, SECOND, THIRD))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert json.loads(first.stdout)["spec"]["configuration"] == {
        "developerConfiguration": {"featureGates": ["VMLiveUpdateFeatures"]}
    }
    assert third.returncode == 1
    assert NO_CAUSE["message"] in third.stderr
    assert spec_of(ref) == json.loads(second.stdout)["spec"]


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="empty-spec"),
        pytest.param({"configuration": {}}, id="empty-configuration"),
        pytest.param({"configuration": {"developerConfiguration": {}}}, id="no-feature-gates"),
        pytest.param({"workloadUpdateStrategy": {}}, id="empty-update-strategy"),
    ],
)
def test_reconciler_patch_of_the_kubevirt_cr_creates_missing_parent_fields(
    spec, make_kubevirt, carry_out, spec_of
):
    ref = make_kubevirt(spec)
    carry_out(ref)
    assert spec_of(ref) == {
        "configuration": {
            "developerConfiguration": {"featureGates": ["VMLiveUpdateFeatures"]},
            "vmRolloutStrategy": "LiveUpdate",
        },
        "workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]},
    }


def test_reconciler_patch_of_the_kubevirt_cr_keeps_settings_of_other_clients(
    make_kubevirt, carry_out, spec_of
):
    spec = {
        "configuration": {
            **DEFAULTS["configuration"],
            "liveUpdateConfiguration": {"maxGuest": "8Gi"},
            "vmRolloutStrategy": "Stage",
        },
        "workloadUpdateStrategy": {"batchEvictionSize": 5, "workloadUpdateMethods": ["Evict"]},
    }
    ref = make_kubevirt(spec)
    carry_out(ref)
    assert spec_of(ref) == {
        "configuration": {
            "developerConfiguration": {
                "featureGates": ["Snapshot", "Root", "VMLiveUpdateFeatures"]
            },
            "liveUpdateConfiguration": {"maxGuest": "8Gi"},
            "vmRolloutStrategy": "LiveUpdate",
        },
        "workloadUpdateStrategy": {
            "batchEvictionSize": 5,
            "workloadUpdateMethods": ["LiveMigrate"],
        },
    }


def test_feature_gate_is_patched_before_the_rollout_strategy_and_the_update_methods(
    make_kubevirt, carry_out
):
    gate, strategy = carry_out(make_kubevirt(DEFAULTS))
    assert [(op.op, op.path) for op in gate if op.op != "test"] == [("add", f"{GATES}/-")]
    assert {op.path for op in strategy if op.op != "test"} == {
        "/spec/configuration/vmRolloutStrategy",
        "/spec/workloadUpdateStrategy",
    }


def test_feature_gate_that_another_client_adds_after_the_plan_is_kept(
    make_kubevirt, writer, live, patch, carry_out, spec_of
):
    ref = make_kubevirt(DEFAULTS)
    settings = {fields.FEATURE_GATES: NameSet.of(("VMLiveUpdateFeatures",))}
    desired = replace(make_desired(), kubevirt=DesiredKubeVirt(ref=ref, settings=settings))
    stale = decide_kubevirt(desired, make_live(kubevirt=live(ref))).decision.actions[0]
    assert patch(ref, [{"op": "add", "path": f"{GATES}/-", "value": "Sidecar"}]).status == 200
    assert writer.write(stale).refusal == "guard"
    carry_out(ref)
    assert spec_of(ref)["configuration"]["developerConfiguration"]["featureGates"] == [
        "Snapshot",
        "Root",
        "Sidecar",
        "VMLiveUpdateFeatures",
    ]


def test_reconciler_becomes_field_manager_of_the_cr_fields_that_it_writes(
    make_kubevirt, carry_out, client
):
    ref = make_kubevirt(DEFAULTS)
    before = read_kubevirt(client, ref).managers
    assert before == {fields.FEATURE_GATES: "somebody"}
    carry_out(ref)
    assert read_kubevirt(client, ref).managers == {
        fields.FEATURE_GATES: "reconciler",
        fields.ROLLOUT_STRATEGY: "reconciler",
        fields.UPDATE_METHODS: "reconciler",
    }
