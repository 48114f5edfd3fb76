"""Tests the simulated webhooks of virt-api and virt-operator."""

from __future__ import annotations

import json

import pytest
from support.kubevirt_world import (
    JSON,
    JSON_PATCH,
    KUBEVIRT,
    ask,
    get,
    patch,
    simulate,
    vm_path,
)


def gates(names, disabled=()):
    developer = {"featureGates": list(names), "disabledFeatureGates": list(disabled)}
    return {"spec": {"configuration": {"developerConfiguration": developer}}}


LIMITED = {"resources": {"limits": {"memory": "1536Mi"}, "requests": {"memory": "1Gi"}}}


@pytest.mark.parametrize(("version", "warned"), [("v1.4.0", False), ("v1.5.0", True)])
def test_webhook_warns_about_an_always_enabled_feature_gate_when_the_gate_list_changes(
    version, warned
):
    sim = simulate({"name": "vm"}, version=version)
    answer = patch(sim, KUBEVIRT, gates(["VMLiveUpdateFeatures"]))
    assert answer.status == 200
    assert ("VMLiveUpdateFeatures is deprecated" in answer.header("Warning")) is warned
    again = patch(sim, KUBEVIRT, {"spec": {"configuration": {"evictionStrategy": "None"}}})
    assert again.header("Warning") == ""


@pytest.mark.parametrize(("version", "status"), [("v1.7.0", 200), ("v1.8.0", 422)])
def test_feature_gate_that_is_both_enabled_and_disabled_is_denied_since_kubevirt_v1_8(
    version, status
):
    sim = simulate({"name": "vm"}, version=version)
    assert patch(sim, KUBEVIRT, gates(["Snapshot"], ["Snapshot"])).status == status


def test_second_kubevirt_cr_is_denied():
    sim = simulate({"name": "vm"})
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "two"},
        "spec": {},
    }
    path = "/apis/kubevirt.io/v1/namespaces/default/kubevirts"
    answer = sim.request("POST", path, headers=JSON, body=json.dumps(body).encode())
    assert "Kubevirt is already created" in json.loads(answer.body)["message"]


@pytest.mark.parametrize(
    ("version", "status"), [("v1.3.1", 422), ("v1.6.3", 200), ("v1.9.0", 200)]
)
def test_integer_as_guest_memory_size_is_denied_before_kubevirt_v1_6(version, status):
    sim = simulate({"name": "vm"}, version=version)
    assert ask(sim, 2147483648).status == status


def test_write_that_a_webhook_denies_is_also_denied_as_a_dry_run():
    sim = simulate({"name": "vm", "maxGuest": "2Gi"})
    body = [{"op": "replace", "path": "/spec/template/spec/domain/memory/guest", "value": "3Gi"}]
    query = (("dryRun", "All"),)
    answer = sim.request(
        "PATCH", vm_path(), query=query, headers=JSON_PATCH, body=json.dumps(body).encode()
    )
    assert answer.status == 422
    assert "greater than the configured maxGuest" in json.loads(answer.body)["message"]
    assert get(sim, "virtualmachines")["metadata"]["generation"] == 1


def test_simulated_webhook_denies_client_changes_to_the_spec_of_a_vmi():
    sim = simulate({"name": "vm"})
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances/vm"
    answer = patch(sim, path, {"spec": {"domain": {"memory": {"guest": "2Gi"}}}})
    assert "update of VMI object is restricted" in json.loads(answer.body)["message"]
    assert patch(sim, path, {"metadata": {"labels": {"team": "a"}}}).status == 200


def test_max_guest_of_a_vm_is_not_checked_under_the_stage_strategy():
    spec = {"configuration": {"vmRolloutStrategy": "Stage"}}
    sim = simulate({"name": "vm", "maxGuest": "2Gi"}, spec=spec)
    assert ask(sim, "3Gi").status == 200


@pytest.mark.parametrize(
    ("domain", "guest", "message"),
    [
        ({"hugepages": {"pageSize": "2Mi"}}, "1025Mi", "is not a multiple of the page size"),
        ({"hugepages": {"pageSize": "1Gi"}}, "512Mi", "must be equal to or larger than page size"),
    ],
)
def test_guest_memory_must_be_a_multiple_of_the_huge_page_size(domain, guest, message):
    nodes = [{"name": "n", "hugepages": {"2Mi": "8Gi", "1Gi": "8Gi"}}]
    given = {"memory": {"guest": "2Gi", **domain}}
    sim = simulate({"name": "vm", "guest": "2Gi", "domain": given}, nodes=nodes)
    assert message in json.loads(ask(sim, guest).body)["message"]


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}, "is greater than"),
        ({"requests": {"memory": "1k"}}, "must be greater than or equal to 1M."),
        ({"requests": {"memory": "-1Gi"}}, "must be greater than or equal to 0."),
    ],
)
def test_invalid_memory_requests_of_a_vm_are_denied(resources, message):
    sim = simulate({"name": "vm"})
    body = {"spec": {"template": {"spec": {"domain": {"resources": resources}}}}}
    assert message in json.loads(patch(sim, vm_path(), body).body)["message"]


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize(
    ("version", "strategy", "gates", "denied"),
    [
        # v1.9.0 ADM/vmi-create-admitter.go:1024-1047; recorded v1.2.2, v1.3.1, v1.6.3 and
        # v1.9.0 limits-memory-below (admitted under LiveUpdate)
        ("v1.1.1", None, [], True),
        ("v1.2.1", "Stage", [], True),
        ("v1.2.0", "LiveUpdate", ["VMLiveUpdateFeatures"], True),
        ("v1.2.2", "LiveUpdate", ["VMLiveUpdateFeatures"], False),
        ("v1.3.1", "LiveUpdate", ["VMLiveUpdateFeatures"], False),
        ("v1.3.1", "LiveUpdate", [], True),
        ("v1.5.3", None, [], True),
        ("v1.6.3", None, [], False),
        ("v1.9.0", "LiveUpdate", [], False),
        ("v1.9.0", "Stage", [], True),
    ],
)
def test_guest_memory_above_the_limit_is_denied_unless_a_live_update_raises_the_limit(
    version, strategy, gates, denied, running
):
    configuration = {"developerConfiguration": {"featureGates": gates}}
    if strategy is not None:
        configuration["vmRolloutStrategy"] = strategy
    stored = {"name": "vm", "domain": LIMITED, "running": running}
    sim = simulate(stored, version=version, spec={"configuration": configuration})
    assert ask(sim, "1536Mi").status == 200
    answer = ask(sim, "2Gi")
    assert answer.status == (422 if denied else 200)
    if denied:
        [cause] = json.loads(answer.body)["details"]["causes"]
        assert cause["field"] == "spec.template.spec.domain.memory.guest"
        assert cause["message"] == (
            "spec.template.spec.domain.memory.guest '2Gi' must be equal to or less than the "
            "memory limit spec.template.spec.domain.resources.limits.memory '1536Mi'"
        )
