"""Tests requests that no other module of this suite sends, such as dry runs and capacity.

Two parts of the product are not covered: the restart subresource, which virt-api serves, and
KubeVirt's admission.
"""

from __future__ import annotations

import json

import pytest
from envtest.conftest import NAMESPACES

from reconciler.app.clock import SystemClock
from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.transport import Request
from reconciler.cluster.decode.workloads import MIGRATIONS, VMIS, VMS
from reconciler.cluster.lease.lease import ClusterLease
from reconciler.cluster.read.capacity_reader import read_capacity
from reconciler.cluster.read.lists import list_all, list_instancetypes, list_nodes
from reconciler.cluster.read.migration_policy_reader import POLICIES, list_migration_policies
from reconciler.cluster.read.namespace_names import namespace_names
from reconciler.cluster.write.dry_run import ClusterDryRun
from reconciler.errors import ExpiredError, RejectedError
from reconciler.model.annotations import PREFIX
from reconciler.model.fields import GUEST_MEMORY, WaveName
from reconciler.model.plan.plan import Action, Effect, PatchOp, Reason, Verb
from reconciler.model.references import pointer, vm_ref
from reconciler.model.run.write_result import Refusal

GUEST = pointer(GUEST_MEMORY)


def action(ref, **fields):
    base = {"wave": WaveName.MEMORY, "effect": Effect.COLD, "reason": Reason.NOT_RUNNING}
    return Action(ref=ref, uid=None, digest="sha256:0", **base, **fields)


def manifest(name, namespace, **memory):
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "runStrategy": "Halted",
            "template": {"spec": {"domain": {"devices": {}, "memory": memory}}},
        },
    }


def test_dry_run_of_a_patch_is_accepted_and_changes_nothing(client, writer, make_vm):
    ref = make_vm()
    grow = PatchOp(op="replace", path=GUEST, value="2Gi")
    checked = ClusterDryRun(client).check(action(ref, patch=(grow,)))
    assert (checked.refusal, checked.status) == (None, 200)
    assert str(writer.read_vm(ref).guest) == "1Gi"


@pytest.mark.parametrize(
    ("op", "refusal"),
    [
        (PatchOp(op="test", path=GUEST, value="9Gi"), Refusal.GUARD),
        (PatchOp(op="add", path=f"{GUEST}x", value="2Gi"), Refusal.DENIED),
    ],
)
def test_dry_run_of_an_invalid_patch_returns_the_rejection(client, make_vm, op, refusal):
    checked = ClusterDryRun(client).check(action(make_vm(), patch=(op,)))
    assert (checked.refusal, checked.status) == (refusal, 422)
    assert checked.message


def test_dry_run_of_a_create_request_creates_no_object(client, writer, namespace):
    ref = vm_ref(namespace, "new")
    body = manifest("new", namespace, guest="1Gi")
    checked = ClusterDryRun(client).check(action(ref, verb=Verb.CREATE, manifest=body))
    assert (checked.refusal, checked.status) == (None, 201)
    assert writer.read_vm(ref) is None


def test_dry_run_of_an_invalid_create_request_returns_the_rejection(client, namespace, make_vm):
    ref = make_vm()
    taken = manifest(ref.name, namespace, guest="1Gi")
    wrong = manifest("new", namespace, gueest="1Gi")
    dry = ClusterDryRun(client)
    exists = dry.check(action(ref, verb=Verb.CREATE, manifest=taken))
    denied = dry.check(action(vm_ref(namespace, "new"), verb=Verb.CREATE, manifest=wrong))
    assert (exists.refusal, exists.status) == (Refusal.EXISTS, 409)
    assert denied.refusal is Refusal.DENIED
    assert "gueest" in denied.message


@pytest.mark.parametrize(
    ("plural", "kind"), [(resource_paths.VMIS, VMIS), (resource_paths.MIGRATIONS, MIGRATIONS)]
)
def test_list_request_for_a_kind_without_objects_returns_an_empty_list(
    client, namespace, plural, kind
):
    listed = list_all(client, resource_paths.collection(plural, namespace), kind)
    assert (listed.values, listed.diagnostics) == ((), ())
    assert listed.resource_version


def test_node_list_is_sorted_by_name(client):
    nodes = list_nodes(client)
    names = [each.name for each in nodes.values]
    assert names == sorted(names)
    assert nodes.diagnostics == ()


def test_capacity_reader_returns_the_resource_quota_of_a_namespace(client, namespace):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": namespace},
        "spec": {"hard": {"requests.memory": "4Gi"}},
    }
    path = f"{NAMESPACES}/{namespace}/resourcequotas"
    client.send("POST", path, body=quota)
    try:
        capacity = read_capacity(client, SystemClock())
    finally:
        client.send("DELETE", f"{path}/small")
    assert (capacity.pods_known, capacity.quotas_known) == (True, True)
    assert [each.name for each in capacity.quotas[namespace]] == ["small"]
    assert capacity.diagnostics == ()


def test_migration_policies_are_read_together_with_namespace_labels(client, namespace):
    policy = {
        "apiVersion": "migrations.kubevirt.io/v1alpha1",
        "kind": "MigrationPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "completionTimeoutPerGiB": 7,
            "selectors": {"namespaceSelector": {"kubernetes.io/metadata.name": namespace}},
        },
    }
    client.send("POST", POLICIES, body=policy)
    try:
        found = list_migration_policies(client)
    finally:
        client.send("DELETE", f"{POLICIES}/{namespace}")
    (own,) = [each for each in found.values if each.name == namespace]
    assert own.completion_timeout_per_gib == 7
    assert found.namespace_labels[namespace]["kubernetes.io/metadata.name"] == namespace
    assert found.diagnostics == ()


def test_instancetypes_are_either_listed_or_reported_as_unreadable(client, namespace):
    vm = manifest("sized", namespace)
    vm["spec"]["instancetype"] = {"name": "big"}
    found = list_instancetypes(client, [VMS.one(json.dumps(vm).encode())])
    unread = [each.code for each in found.diagnostics]
    assert len(found.kinds) + unread.count("instancetypes-unreadable") == 2


def test_shell_completion_of_namespaces_includes_an_existing_namespace(client, namespace):
    assert namespace in namespace_names(client)


def test_lease_annotation_is_stored_and_removed(client, namespace, make_clock):
    path = resource_paths.member("leases", namespace, "run", resource_paths.LEASES_API)
    name = f"{PREFIX}rollout"

    def stored():
        return json.loads(client.get(path))["metadata"].get("annotations", {})

    with ClusterLease(
        client, clock=make_clock(), namespace=namespace, name="run", holder="us"
    ) as lease:
        assert lease.annotate({name: "half"})
        assert stored() == {name: "half"}
        assert lease.annotate({name: None})
        assert stored() == {}


def test_large_list_response_is_compressed_but_a_watch_response_is_not(client, namespace):
    path = resource_paths.collection(resource_paths.VMS, namespace)
    vm = manifest("large", namespace, guest="1Gi")
    vm["metadata"]["annotations"] = {"example.com/text": "x" * 200_000}
    client.send("POST", path, body=vm)
    request = Request("GET", path, {"limit": "500"})
    listed = client._transport.open(request)
    body = client._transport.finish(listed, request).body
    assert listed.headers.get("Content-Encoding") == "gzip"
    assert json.loads(body)["items"][0]["metadata"]["name"] == "large"
    watched = client._transport.open(
        Request("WATCH", path, {"watch": "true", "timeoutSeconds": "1"})
    )
    assert watched.headers.get("Content-Encoding") is None
    watched.close()


def test_list_request_with_an_invalid_continue_token_is_rejected(client, namespace):
    path = resource_paths.collection(resource_paths.VMS, namespace)
    with pytest.raises((RejectedError, ExpiredError)) as caught:
        client.get(path, {"limit": "1", "continue": "bogus"})
    assert caught.value.status == 400
    assert "continue" in str(caught.value)
