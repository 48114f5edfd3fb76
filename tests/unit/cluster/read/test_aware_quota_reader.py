"""Tests how the quotas of Application-Aware Quota (AAQ) are read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.cluster.read.aware_quota_reader import read_aware_quotas
from reconciler.cluster.read.capacity_reader import read_capacity
from reconciler.errors import UnauthorizedError
from reconciler.model.live.capacity import AwareQuotas, Quota
from reconciler.model.quantity import GIB

API = "/apis/aaq.kubevirt.io/v1alpha1"
GROUPS = {
    "kind": "APIGroupList",
    "groups": [{"name": "aaq.kubevirt.io", "versions": [{"version": "v1alpha1"}]}],
}
GATING = {"application-aware-quota/enable-gating": ""}
HARD, USED = {"requests.memory/vmi": "8Gi", "pods": "9"}, {"requests.memory/vmi": "2Gi"}
TEAM = Quota(
    name="team",
    hard={"requests.memory/vmi": 8 * GIB, "pods": 9},
    used={"requests.memory/vmi": 2 * GIB, "pods": 0},
)
OWN = {
    "metadata": {"name": "team", "namespace": "db"},
    "spec": {"hard": HARD},
    "status": {"hard": HARD, "used": USED},
}
WIDE = {
    "metadata": {"name": "team"},
    "spec": {"quota": {"hard": HARD}},
    "status": {
        "total": {"hard": HARD, "used": USED},
        "namespaces": [{"namespace": "db"}, {"namespace": "web"}],
    },
}


@pytest.fixture
def read(server, client, page, reply):
    """Returns a function that reads the quotas of a cluster with Application-Aware Quota (AAQ)."""

    def make(*, own=(), wide=(), spec=None, labels=None):
        server.on("/apis", reply(200, GROUPS))
        server.on(f"{API}/applicationawareresourcequotas", page(*own))
        server.on(f"{API}/applicationawareclusterresourcequotas", page(*wide))
        server.on(f"{API}/aaqs", page({"metadata": {"name": "aaq"}, "spec": spec or {}}))
        labels = GATING if labels is None else labels
        server.on("/api/v1/namespaces", page({"metadata": {"name": "db", "labels": labels}}))
        return read_aware_quotas(client)

    return make


def test_one_request_shows_that_application_aware_quota_is_not_installed(server, client, reply):
    server.on("/apis", reply(200, {"kind": "APIGroupList", "groups": []}))
    assert read_aware_quotas(client) == (AwareQuotas(), ())
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("given", "cluster_wide"), [({"own": [OWN]}, False), ({"wide": [WIDE]}, True)]
)
def test_application_aware_quotas_of_a_namespace_with_gated_pods_are_read(
    read, given, cluster_wide
):
    found, diagnostics = read(**given)
    assert found == AwareQuotas(by_namespace={"db": (replace(TEAM, cluster_wide=cluster_wide),)})
    assert found.calculator == "DedicatedVirtualResources"
    assert diagnostics == ()


HIGH = {"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ({"scopes": ["NotTerminating", "NotBestEffort"]}, {"": True, "high": True}),
        ({"scopes": ["PriorityClass"]}, {"": False, "high": True}),
        ({"scopeSelector": {"matchExpressions": [HIGH]}}, {"high": True, "low": False}),
        ({"scopes": ["BestEffort"]}, None),
        ({"scopes": ["Terminating"]}, None),
    ],
)
def test_only_a_cluster_wide_application_aware_quota_selects_pods_by_scopes(
    read, scopes, expected
):
    wide = {**WIDE, "spec": {"quota": {"hard": HARD, **scopes}}}
    own = {**OWN, "spec": {"hard": HARD, **scopes}}
    (of_namespace,) = read(own=[own])[0].by_namespace["db"]
    assert of_namespace == TEAM, "AAQ removes gates without regard to the scopes of such a quota"
    found = read(wide=[wide])[0].by_namespace.get("db")
    assert (found is None) is (expected is None)
    for priority_class, counts in (expected or {}).items():
        assert found[0].counts(priority_class) is counts


@pytest.mark.parametrize(
    ("calculator", "moving"),
    [("IgnoreVmiCalculator", {"pods": 2}), ("DedicatedVirtualResources", {})],
)
def test_application_aware_quota_contains_the_amount_that_the_end_of_migrations_releases(
    read, server, client, clock, page, calculator, moving
):
    def pod(name, instance, **spec):
        labels = {"kubevirt.io/created-by": instance}
        return {"metadata": {"name": name, "namespace": "db", "labels": labels}, "spec": spec}

    gate = {"schedulingGates": [{"name": "ApplicationAwareQuotaGate"}]}
    pods = [
        *(pod(f"{vm}-{n}", vm) for vm in ("a", "b") for n in (1, 2)),
        *(pod("gated-1", "gated"), pod("gated-2", "gated", **gate)),
    ]
    spec = {"configuration": {"vmiCalculatorConfiguration": {"configName": calculator}}}
    server.on("/api/v1/pods", page(*pods))
    for plural in ("resourcequotas", "limitranges"):
        server.on(f"/api/v1/{plural}", page())
    read(own=[OWN], wide=[WIDE], spec=spec)
    quotas = read_capacity(client, clock).aware.by_namespace["db"]
    assert [each.moving for each in quotas] == [moving, moving]


def test_vmi_calculator_setting_of_application_aware_quota_is_read(read):
    spec = {"configuration": {"vmiCalculatorConfiguration": {"configName": "VmiPodUsage"}}}
    assert read(own=[OWN], spec=spec)[0].calculator == "VmiPodUsage"


@pytest.mark.parametrize(
    ("labels", "spec", "gated"),
    [
        ({}, {}, False),
        ({"team": "a"}, {"namespaceSelector": {"matchLabels": {"team": "a"}}}, True),
        (GATING, {"namespaceSelector": {"matchLabels": {"team": "a"}}}, False),
    ],
)
def test_application_aware_quotas_of_a_namespace_without_gated_pods_are_ignored(
    read, labels, spec, gated
):
    found, _ = read(own=[OWN], spec=spec, labels=labels)
    assert bool(found.by_namespace) is gated


def test_missing_permission_to_list_application_aware_quotas_is_reported(
    server, client, reply, failure
):
    server.on("/apis", reply(200, GROUPS))
    for plural in ("applicationawareresourcequotas", "applicationawareclusterresourcequotas"):
        server.on(f"{API}/{plural}", failure(403, "forbidden", "Forbidden"))
    found, diagnostics = read_aware_quotas(client)
    assert found == AwareQuotas()
    assert {each.code for each in diagnostics} == {"aware-quotas-unreadable"}
    assert "applicationawareresourcequotas" in diagnostics[0].message


@pytest.mark.parametrize("status", [403, 404, 500])
def test_application_aware_quota_counts_as_not_installed_if_api_groups_cannot_be_listed(
    server, client, failure, status
):
    server.on("/apis", failure(status, "no groups today"))
    found, diagnostics = read_aware_quotas(client)
    assert found == AwareQuotas()
    # Without permission, the API groups are unknown to every request; this is no failure.
    assert [each.code for each in diagnostics] == ["aware-quotas-unreadable"] * (status == 500)
    assert all("no groups today" in each.message for each in diagnostics)


def test_reading_application_aware_quotas_with_rejected_credentials_raises_an_error(
    server, client, failure
):
    server.on("/apis", failure(401, "who are you", "Unauthorized"))
    with pytest.raises(UnauthorizedError):
        read_aware_quotas(client)
