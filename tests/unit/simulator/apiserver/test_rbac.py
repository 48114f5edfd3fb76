"""Tests RBAC, bearer tokens and impersonation in the simulated API server."""

import pytest
from support.apiserver import VMS, ApiServer

from reconciler.simulator.apiserver.access.authentication import service_account
from reconciler.simulator.apiserver.access.rbac import Mode
from reconciler.simulator.apiserver.request.http_messages import User

RBAC = "/apis/rbac.authorization.k8s.io/v1"
BOB = User("bob", ("system:authenticated", "ops"))
ROBOT = service_account("db", "robot")


def rule(verbs, resources, group="kubevirt.io", **more):
    return {"verbs": verbs, "resources": resources, "apiGroups": [group], **more}


def grant(server, *rules, subject, namespace=""):
    where = f"{RBAC}/namespaces/{namespace}" if namespace else RBAC
    kind = "Role" if namespace else "ClusterRole"
    role = {"metadata": {"name": "r"}, "rules": list(rules)}
    assert server.send("POST", f"{where}/{kind.lower()}s", role).status == 201
    binding = {
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "r"},
        "subjects": [subject],
    }
    assert server.send("POST", f"{where}/{kind.lower()}bindings", binding).status == 201


@pytest.fixture
def server():
    enforced = ApiServer(mode=Mode.ENFORCED)
    enforced.create_vm()
    return enforced


USER = {"kind": "User", "name": "bob"}


def test_user_without_a_binding_gets_the_403_message_of_a_real_api_server(server):
    answer = server.send("GET", f"{VMS}/pg", user=BOB)
    assert answer.status == 403
    assert answer.body["message"] == (
        'virtualmachines.kubevirt.io "pg" is forbidden: User "bob" cannot get resource '
        '"virtualmachines" in API group "kubevirt.io" in the namespace "db"'
    )


def test_forbidden_message_mentions_the_cluster_scope(server):
    answer = server.send("GET", "/api/v1/nodes", user=BOB)
    assert answer.body["message"] == (
        'nodes is forbidden: User "bob" cannot list resource "nodes" in API group "" '
        "at the cluster scope"
    )


@pytest.mark.parametrize(
    ("given", "method", "path", "status"),
    [
        (rule(["get"], ["virtualmachines"]), "GET", f"{VMS}/pg", 200),
        (rule(["get"], ["virtualmachines"]), "GET", VMS, 403),
        (rule(["list"], ["virtualmachines"]), "GET", VMS, 200),
        (rule(["*"], ["*"], "*"), "GET", VMS, 200),
        (rule(["get"], ["virtualmachines"], "other"), "GET", f"{VMS}/pg", 403),
        (rule(["get"], ["virtualmachines"], resourceNames=["pg"]), "GET", f"{VMS}/pg", 200),
        (rule(["get"], ["virtualmachines"], resourceNames=["x"]), "GET", f"{VMS}/pg", 403),
        (rule(["get"], ["virtualmachines"]), "GET", f"{VMS}/pg/status", 403),
        (rule(["get"], ["virtualmachines/status"]), "GET", f"{VMS}/pg/status", 200),
        (rule(["get"], ["*/status"]), "GET", f"{VMS}/pg/status", 200),
        (rule(["delete"], ["virtualmachines"]), "DELETE", f"{VMS}/pg", 200),
        (rule(["delete"], ["virtualmachines"]), "DELETE", VMS, 403),
        (rule(["deletecollection"], ["virtualmachines"]), "DELETE", VMS, 200),
    ],
)
def test_rbac_rule_allows_only_the_requests_that_it_lists(server, given, method, path, status):
    grant(server, given, subject=USER)
    assert server.send(method, path, user=BOB).status == status


def test_role_applies_only_in_its_namespace(server):
    grant(server, rule(["list"], ["virtualmachines"]), subject=USER, namespace="db")
    assert server.send("GET", VMS, user=BOB).status == 200
    assert server.send("GET", "/apis/kubevirt.io/v1/virtualmachines", user=BOB).status == 403


@pytest.mark.parametrize(
    ("subject", "user"),
    [
        ({"kind": "Group", "name": "ops"}, BOB),
        ({"kind": "ServiceAccount", "name": "robot", "namespace": "db"}, ROBOT),
        ({"kind": "Group", "name": "system:serviceaccounts"}, ROBOT),
        ({"kind": "Group", "name": "system:serviceaccounts:db"}, ROBOT),
    ],
)
def test_role_binding_applies_to_its_subjects(server, subject, user):
    grant(server, rule(["list"], ["virtualmachines"]), subject=subject)
    assert server.send("GET", VMS, user=user).status == 200
    assert server.send("GET", VMS, user=User("eve", ("system:authenticated",))).status == 403


def test_deleted_role_binding_no_longer_applies(server):
    grant(server, rule(["list"], ["virtualmachines"]), subject=USER)
    server.send("DELETE", f"{RBAC}/clusterrolebindings/b")
    assert server.send("GET", VMS, user=BOB).status == 403


def test_every_user_can_review_their_own_permissions(server):
    grant(server, rule(["patch"], ["virtualmachines"]), subject=USER)

    def may(verb):
        attributes = {"group": "kubevirt.io", "resource": "virtualmachines", "verb": verb}
        review = {"spec": {"resourceAttributes": attributes}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return server.send("POST", path, review, user=BOB).body["status"]["allowed"]

    assert (may("patch"), may("delete")) == (True, False)
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    rules = server.send("POST", path, {"spec": {"namespace": "db"}}, user=BOB).body["status"]
    assert rule(["patch"], ["virtualmachines"]) in rules["resourceRules"]


def bearer(token):
    return {"user": None, "authorization": f"Bearer {token}"}


def test_bearer_token_identifies_its_user():
    server = ApiServer(tokens={"t-bob": BOB})
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    user_info = server.send("POST", path, {}, **bearer("t-bob")).body["status"]["userInfo"]
    assert user_info == {"username": "bob", "groups": ["system:authenticated", "ops"]}


def test_401_response_to_an_unknown_bearer_token_does_not_contain_the_token():
    answer = ApiServer().send("GET", VMS, **bearer("wrong-secret"))
    assert (answer.status, answer.body["reason"]) == (401, "Unauthorized")
    assert "wrong-secret" not in answer.text


def test_service_account_token_works_until_it_expires(server):
    server.send("POST", "/api/v1/namespaces/db/serviceaccounts", {"metadata": {"name": "robot"}})
    path = "/api/v1/namespaces/db/serviceaccounts/robot/token"
    issued = server.send("POST", path, {"spec": {"expirationSeconds": 600}})
    assert issued.body["status"]["expirationTimestamp"] == "2026-01-01T00:10:00Z"
    token = issued.body["status"]["token"]
    grant(
        server,
        rule(["list"], ["virtualmachines"]),
        subject={"kind": "ServiceAccount", "name": "robot", "namespace": "db"},
    )
    assert server.send("GET", VMS, **bearer(token)).status == 200
    server.clock.advance(600)
    assert server.send("GET", VMS, **bearer(token)).status == 401


def test_impersonation_requires_the_verb_impersonate(server):
    headers = {"impersonate_user": "system:serviceaccount:db:robot"}
    assert server.send("GET", VMS, **headers).status == 403
    grant(
        server,
        rule(["list"], ["virtualmachines"]),
        subject={"kind": "ServiceAccount", "name": "robot", "namespace": "db"},
    )
    assert server.send("GET", VMS, **headers).status == 200
    refused = server.send("GET", VMS, user=BOB, **headers)
    assert 'cannot impersonate resource "users"' in refused.body["message"]
