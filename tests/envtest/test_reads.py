"""Tests lists, snapshots, watches, informers and error responses with an API server."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from reconciler.app.clock import SystemClock
from reconciler.cluster.api import paging, resource_paths
from reconciler.cluster.decode.workloads import VMS
from reconciler.cluster.informer.informer import ClusterInformer
from reconciler.cluster.read import snapshot_file
from reconciler.cluster.read.cluster_reader import ClusterReader
from reconciler.cluster.read.lists import list_all
from reconciler.errors import ForbiddenError, NotFoundError, UnauthorizedError
from reconciler.model.fields import GUEST_MEMORY
from reconciler.model.references import pointer

GROW = [{"op": "replace", "path": pointer(GUEST_MEMORY), "value": "2Gi"}]
WAIT_S = 20.0


def names(page):
    return [item["metadata"]["name"] for item in json.loads(page.body)["items"]]


def test_list_request_reads_consecutive_pages(client, namespace, make_vm, monkeypatch):
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)
    made = [make_vm(f"vm-{n}").name for n in range(5)]
    pages = list(paging.pages(client, resource_paths.collection(resource_paths.VMS, namespace)))
    assert [names(page) for page in pages] == [made[:2], made[2:4], made[4:]]
    assert [page.first for page in pages] == [True, False, False]
    assert len({page.resource_version for page in pages}) == 1


def test_all_pages_of_a_list_show_the_cluster_at_the_same_moment(
    client, namespace, make_vm, monkeypatch
):
    monkeypatch.setattr(paging, "PAGE_SIZE", 1)
    for name in ("a", "c", "e"):
        make_vm(name)
    pages = paging.pages(client, resource_paths.collection(resource_paths.VMS, namespace))
    seen = names(next(pages))
    make_vm("b")
    client.send("DELETE", resource_paths.member(resource_paths.VMS, namespace, "e"))
    assert seen + [name for page in pages for name in names(page)] == ["a", "c", "e"]


def test_cluster_reader_returns_vms_the_kubevirt_cr_and_the_cluster_id(
    client, kubevirt, namespace, make_vm
):
    refs = {make_vm("a"), make_vm("b", guest="2Gi")}
    live = ClusterReader(client, clock=SystemClock()).read()
    vms = {ref: vm for ref, vm in live.vms.items() if ref.namespace == namespace}
    assert set(vms) == refs
    assert {ref.name: str(vm.guest) for ref, vm in vms.items()} == {"a": "1Gi", "b": "2Gi"}
    assert live.kubevirt.ref == kubevirt
    assert live.vmis == {}
    identity = json.loads(client.get(resource_paths.CLUSTER_IDENTITY))["metadata"]["uid"]
    assert live.cluster_id == identity


def test_cluster_snapshot_file_is_read_back_unchanged(client, kubevirt, make_vm, tmp_path):
    make_vm("a")
    make_vm("b", guest=None)
    live = ClusterReader(client, clock=SystemClock()).read()
    file = tmp_path / "snapshot.json"
    file.write_bytes(snapshot_file.dump(live))
    assert snapshot_file.SnapshotReader(file).read() == live


def test_watch_continues_from_the_resource_version_of_the_list(client, namespace, make_vm):
    path = resource_paths.collection(resource_paths.VMS, namespace)
    make_vm("before")
    listed = list_all(client, path, VMS)
    ref = make_vm("after")
    client.patch(resource_paths.of(ref), GROW)
    seen = []
    with closing(client.watch(path, listed.resource_version, WAIT_S)) as watch:
        for kind, body in watch:
            if kind != "BOOKMARK":
                vm = VMS.one(body)
                seen.append((kind, vm.ref.name, str(vm.guest)))
            if seen[-1:] == [("MODIFIED", "after", "2Gi")]:
                break
    # A controller may update the status of both VMs; only "after" is added.
    assert [each for each in seen if each[0] == "ADDED"] == [("ADDED", "after", "1Gi")]
    assert seen[-1] == ("MODIFIED", "after", "2Gi")


def test_informer_sees_changes_by_another_client(make_client, kubevirt, make_vm):
    ref = make_vm()
    other = make_client()
    clock = SystemClock()
    with ClusterInformer(make_client(), clock=clock) as informer:
        assert str(informer.read().vms[ref].guest) == "1Gi"
        other.patch(resource_paths.of(ref), GROW)
        changed = _until(informer, clock, lambda live: str(live.vms[ref].guest) == "2Gi")
        assert changed.vms[ref].guest_manager == "reconciler"
        late = make_vm("late")
        _until(informer, clock, lambda live: late in live.vms)
        other.send("DELETE", resource_paths.of(late))
        _until(informer, clock, lambda live: late not in live.vms)


def _until(informer, clock, holds):
    """Return the first snapshot of the cluster for which *holds* is true."""
    deadline = clock.monotonic() + WAIT_S
    live = informer.read()
    while not holds(live):
        assert clock.monotonic() < deadline, "the informer does not see the change"
        live = informer.wait(1.0)
    return live


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/apis/kubevirt.io/v1/namespaces/{}/virtualmachines/nope", id="no-object"),
        pytest.param("/apis/kubevirt.io/v1/namespaces/{}/nopes", id="no-kind"),
        pytest.param("/apis/nope.example/v1/nopes", id="no-group"),
    ],
)
def test_api_response_with_status_404_raises_a_not_found_error(client, namespace, path):
    with pytest.raises(NotFoundError) as caught:
        client.get(path.format(namespace))
    assert caught.value.status == 404


def test_reading_a_missing_vm_returns_none(writer, namespace, make_vm):
    ref = make_vm()
    assert writer.read_vm(ref) is not None
    assert writer.read_vm(type(ref)(kind=ref.kind, namespace=namespace, name="nope")) is None


def test_api_response_with_status_403_raises_a_forbidden_error_with_the_missing_permission(
    robot, namespace
):
    with pytest.raises(ForbiddenError) as caught:
        robot.get(resource_paths.collection(resource_paths.VMS, namespace))
    assert caught.value.status == 403
    text = str(caught.value)
    assert f"virtualmachines in {namespace}" in text
    assert 'cannot list resource "virtualmachines"' in text


def test_api_response_with_status_401_raises_an_unauthorized_error_without_the_token(
    stranger, namespace
):
    with pytest.raises(UnauthorizedError) as caught:
        stranger.get(resource_paths.collection(resource_paths.VMS, namespace))
    assert caught.value.status == 401
    assert "nobody-knows-me" not in str(caught.value)
