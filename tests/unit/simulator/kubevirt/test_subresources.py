"""Tests the VM subresource restart: permissions, dry runs, and the errors of virt-api."""

from __future__ import annotations

import json

import pytest
from support.kubevirt_world import simulate

from reconciler.simulator.apiserver.request.http_messages import User
from reconciler.simulator.store.history import Key

PATH = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/{}/restart"
VM = Key("virtualmachines.kubevirt.io", "default", "vm")
VMI = Key("virtualmachineinstances.kubevirt.io", "default", "vm")
RBAC = "/apis/rbac.authorization.k8s.io/v1"
BOB = User("bob", ("system:authenticated",))


@pytest.fixture
def make():
    def make(*, rbac="open", **vm):
        return simulate({"name": "vm", **vm}, spec={}, rbac=rbac)

    return make


def restart(sim, name="vm", body=b"{}", user=None, accept="*/*", query=()):
    headers = {"content-type": "application/json"}
    if accept is not None:
        headers["accept"] = accept
    path = PATH.format(name)
    return sim.request("PUT", path, query=query, headers=headers, body=body, user=user)


def said(answer):
    return answer.status, json.loads(answer.body)["message"]


def test_second_restart_is_rejected_while_the_first_restart_is_unfinished(make):
    sim = make()
    assert restart(sim).status == 202
    asked = sim.store.get(VM)["status"]["stateChangeRequests"]
    uid = sim.store.get(VMI)["metadata"]["uid"]
    assert asked == [{"action": "Stop", "uid": uid}, {"action": "Start"}]
    assert said(restart(sim)) == (
        500,
        "Internal error occurred: unable to complete request: stop/start already underway",
    )
    sim.engine.run_until(30)
    assert "stateChangeRequests" not in sim.store.get(VM)["status"]
    assert sim.store.get(VMI)["metadata"]["uid"] != uid
    assert restart(sim).status == 202


def test_dry_run_of_a_restart_changes_nothing(make):
    sim = make()
    assert restart(sim, body=b'{"dryRun":["All"]}').status == 202
    assert "stateChangeRequests" not in sim.store.get(VM)["status"]


# The recorded rows of v1.9.0: `application/json` and `*/*`; the others from go-restful v3
# route.go (matchesAccept).
@pytest.mark.parametrize(
    ("accept", "status", "text"),
    [
        ("application/json", 406, "406: Not Acceptable\n\nAvailable representations: "),
        ("application/json, text/plain", 406, "406: Not Acceptable\n\nAvailable"),
        ("*/*", 202, ""),
        ("application/json, */*;q=0.5", 202, ""),
        (None, 202, ""),
    ],
)
def test_restart_request_gets_406_if_the_client_does_not_accept_every_media_type(
    make, accept, status, text
):
    sim = make()
    answer = restart(sim, accept=accept)
    assert (answer.status, answer.body.decode()[: len(text)]) == (status, text)
    expected = "text/plain; charset=utf-8" if status == 406 else ""
    assert answer.header("Content-Type") == expected
    assert ("stateChangeRequests" in sim.store.get(VM)["status"]) is (status == 202)


def test_restart_response_has_no_body(make):
    answer = restart(make(), body=b"")
    assert (answer.status, answer.headers, answer.body) == (202, (), b"")


def test_restart_ignores_the_dry_run_parameter_in_the_query(make):
    sim = make()
    assert restart(sim, query=(("dryRun", "All"),)).status == 202
    assert "stateChangeRequests" in sim.store.get(VM)["status"]


def test_restart_rejects_a_body_that_is_not_json(make):
    answer = restart(make(), body=b"{")
    assert json.loads(answer.body) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Can not unmarshal Request body to struct, error: unexpected EOF",
        "reason": "BadRequest",
        "code": 400,
    }


def test_restart_of_a_new_vm_with_the_run_strategy_rerun_on_failure_is_accepted(make):
    sim = make()
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "rerun", "namespace": "default"},
        "spec": {
            "runStrategy": "RerunOnFailure",
            "template": {"spec": {"domain": {"memory": {"guest": "1Gi"}, "devices": {}}}},
        },
    }
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
    headers = {"content-type": "application/json"}
    created = sim.request("POST", path, headers=headers, body=json.dumps(body).encode())
    assert created.status == 201
    sim.engine.run_until(1)
    assert restart(sim, "rerun").status == 202


@pytest.mark.parametrize("strategy", ["Halted", "Once"])
def test_restart_is_rejected_for_run_strategies_without_restarts(make, strategy):
    sim = make()
    sim.store.mutate(VM, lambda vm: vm["spec"].update(runStrategy=strategy))
    status, message = said(restart(sim))
    assert status == 409
    assert message == (
        'Operation cannot be fulfilled on virtualmachine.kubevirt.io "vm": RunStategy'
        f" {strategy} does not support manual restart requests"
    )


def test_restart_of_a_vm_without_a_vmi_is_rejected(make):
    sim = make()
    sim.store.mutate(VM, lambda vm: vm["spec"].update(runStrategy="Manual"))
    sim.store.delete(VMI)
    sim.engine.run_until(60)
    status, message = said(restart(sim))
    assert status == 409
    assert message.endswith('"vm": VM is not running: Halted')


def test_restart_of_an_absent_vm_gets_404(make):
    assert said(restart(make(), "gone")) == (
        404,
        'virtualmachine.kubevirt.io "gone" not found',
    )


@pytest.mark.parametrize(
    ("verb", "resource", "status"),
    [
        ("update", "virtualmachines/restart", 202),
        ("patch", "virtualmachines/restart", 403),
        ("update", "virtualmachines", 403),
    ],
)
def test_restart_requires_the_verb_update_on_the_subresource(make, verb, resource, status):
    sim = make(rbac="enforced")
    rule = {"verbs": [verb], "apiGroups": ["subresources.kubevirt.io"], "resources": [resource]}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"}
    bodies = {
        "clusterroles": {"metadata": {"name": "r"}, "rules": [rule]},
        "clusterrolebindings": {
            "metadata": {"name": "b"},
            "roleRef": reference,
            "subjects": [{"kind": "User", "name": "bob"}],
        },
    }
    for plural, body in bodies.items():
        headers = {"content-type": "application/json"}
        data = json.dumps(body).encode()
        assert sim.request("POST", f"{RBAC}/{plural}", headers=headers, body=data).status == 201
    assert restart(sim, user=BOB).status == status
