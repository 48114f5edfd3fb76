"""Tests the requests, the snapshots and the errors of the cluster reader."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.cluster.read.cluster_reader import ClusterReader
from reconciler.errors import (
    ClusterError,
    ForbiddenError,
    KubeVirtMissingError,
    UnavailableError,
    UnreachableError,
)
from reconciler.model.references import vm_ref

API = "/apis/kubevirt.io/v1"
PG0 = vm_ref("db", "pg-0")


@pytest.fixture
def read(client, clock):
    return lambda: ClusterReader(client, clock=clock).read()


def test_cluster_snapshot_contains_objects_of_every_kind(cluster, read):
    state = read()
    assert state.cluster_id == "cluster-1"
    assert state.observed_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert state.kubevirt.version == "v1.9.0"
    assert list(state.vms) == [PG0]
    assert list(state.vmis) == [PG0]
    assert [each.vmi_name for each in state.migrations[PG0]] == ["pg-0"]
    assert [node.name for node in state.nodes] == ["node01"]
    assert state.diagnostics == ()


def test_reading_a_cluster_snapshot_takes_eight_requests_for_any_number_of_vms(
    cluster, read, page, raw_vm
):
    cluster.on(f"{API}/virtualmachines", page(*(raw_vm(f"vm-{i}") for i in range(50))))
    assert len(read().vms) == 50
    assert sorted(request.path for request in cluster.requests) == [
        "/api/v1/namespaces/kube-system",
        "/api/v1/nodes",
        "/apis",
        f"{API}/kubevirts",
        f"{API}/virtualmachineinstancemigrations",
        f"{API}/virtualmachineinstances",
        f"{API}/virtualmachines",
        "/apis/migrations.kubevirt.io/v1alpha1/migrationpolicies",
    ]


def test_list_restarted_after_an_expired_continue_token_has_no_duplicates(
    cluster, read, page, raw_vm, failure
):
    gone = failure(410, "too old", "Expired")
    a, b = raw_vm("a"), raw_vm("b")
    cluster.on(f"{API}/virtualmachines", page(a, token="x"), gone, page(b))
    assert [ref.name for ref in read().vms] == ["b"]


def test_unreadable_vm_is_omitted_and_reported(cluster, read, page, raw_vm):
    cluster.on(f"{API}/virtualmachines", page(raw_vm("a"), raw_vm("odd", "8GB")))
    state = read()
    assert [ref.name for ref in state.vms] == ["a"]
    (finding,) = state.diagnostics
    assert finding.ref == vm_ref("db", "odd")


def test_missing_kubevirt_installation_raises_an_error(server, read, reply):
    server.on("/api/v1/namespaces/kube-system", reply(200, {"metadata": {"uid": "u"}}))
    with pytest.raises(KubeVirtMissingError, match=r"KubeVirt is not installed at 127.0.0.1") as e:
        read()
    assert e.value.hint


def test_missing_kubevirt_cr_raises_an_error(cluster, read, page):
    cluster.on(f"{API}/kubevirts", page())
    with pytest.raises(KubeVirtMissingError, match="has no KubeVirt CR") as caught:
        read()
    assert caught.value.hint


def test_two_kubevirt_crs_cause_an_error_that_lists_both_crs(cluster, read, page, raw_kubevirt):
    cluster.on(f"{API}/kubevirts", page(raw_kubevirt("b"), raw_kubevirt("a")))
    with pytest.raises(KubeVirtMissingError, match=r"2 KubeVirt CRs.*: kubevirt/a, kubevirt/b"):
        read()


def test_unreadable_kubevirt_cr_raises_an_error(cluster, read, page):
    cluster.on(f"{API}/kubevirts", page({"metadata": {}}))
    with pytest.raises(ClusterError, match=r"KubeVirt CR cannot be read: metadata\.name"):
        read()


def test_missing_permissions_for_nodes_and_the_cluster_id_are_reported(cluster, read, failure):
    cluster.on("/api/v1", failure(403, "no", "Forbidden"))
    cluster.on("/api/v1/nodes", failure(403, "no", "Forbidden"))
    cluster.on("/api/v1/namespaces/kube-system", failure(403, "no", "Forbidden"))
    state = read()
    assert state.nodes == ()
    assert state.cluster_id == ""
    assert [each.code for each in state.diagnostics] == ["nodes-unreadable", "cluster-id-unknown"]


def test_missing_permission_to_list_vms_raises_an_error(cluster, read, failure):
    message = 'virtualmachines.kubevirt.io is forbidden: User "u" cannot list resource'
    cluster.on(f"{API}/virtualmachines", failure(403, message, "Forbidden"))
    with pytest.raises(ForbiddenError, match="cannot list resource"):
        read()


def test_cluster_reader_sends_a_single_request_to_an_unreachable_server(server, read, reply):
    server.on("/", reply(cut=True))
    with pytest.raises(UnreachableError):
        read()
    assert {each.path for each in server.requests} == {"/api/v1/namespaces/kube-system"}


def test_cluster_reader_raises_an_error_for_a_server_that_is_not_an_api_server(
    server, read, reply
):
    server.on("/", reply(200, "<html>"))
    with pytest.raises(ClusterError, match="is not a Namespace"):
        read()


def test_cluster_reader_raises_an_error_if_the_server_is_unavailable(cluster, read, failure):
    cluster.on(f"{API}/virtualmachineinstances", failure(503, "not ready"))
    with pytest.raises(UnavailableError):
        read()
