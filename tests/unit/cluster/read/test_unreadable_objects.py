"""Tests that an unreadable object is reported as a problem and that other objects are read.

The plan makes the worst-case assumption about an unreadable object.
"""

from __future__ import annotations

import json

import pytest

from reconciler.cluster.decode import pages
from reconciler.cluster.decode.instancetypes import NAMESPACED
from reconciler.cluster.read.capacity_reader import read_capacity
from reconciler.cluster.read.cluster_reader import ClusterReader
from reconciler.cluster.read.lists import list_all
from reconciler.errors import ClusterError
from reconciler.model.references import vm_ref

API = "/apis/kubevirt.io/v1"
PG0 = vm_ref("db", "pg-0")

DAMAGES = {
    "an invalid byte": ("BYTE", b"\xff", "can't decode byte 0xff"),
    "deep nesting": ('"NEST"', b"[" * 20_000 + b"]" * 20_000, "maximum recursion depth"),
    "deep nesting with brackets in text": (
        '"NEST"',
        b'["]}\\"",' * 20_000 + b"0" + b"]" * 20_000,
        "maximum recursion depth",
    ),
    "a value of the wrong type": ('"BYTE"', b"{}", "Expected"),
    "a time out of range": ("TIME", b"0001-01-01T00:00:00+14:00", "is out of range"),
    "a number that is too long": ('"NUMBER"', b"9" * 5000, "out of range|characters|Number"),
}


def damaged(body: dict, damage: str) -> bytes:
    """Return a list of *body* in damaged form, between two undamaged copies with other names."""
    body = json.loads(json.dumps(body))
    meta = body["metadata"]
    meta.update(creationTimestamp="TIME", generation="NUMBER")
    meta.setdefault("labels", {"app": "BYTE"})
    meta["extra"] = "NEST"
    odd = json.dumps(body, separators=(",", ":")).encode()
    for place, value in {
        "BYTE": b"1Gi",
        "TIME": b"2026-11-23T00:00:00Z",
        '"NUMBER"': b"1",
        '"NEST"': b"{}",
    }.items():
        text, bad, _ = DAMAGES[damage]
        odd = odd.replace(text.encode(), bad).replace(place.encode(), value)
    others = []
    for name in ("first", "last"):
        body["metadata"] = {"namespace": meta.get("namespace"), "name": name}
        others.append(json.dumps(body, separators=(",", ":")).replace("BYTE", "1Gi").encode())
    items = b",".join((others[0], odd, others[1]))
    return b'{"kind":"List","metadata":{"resourceVersion":"1"},"items":[' + items + b"]}"


COMMON = [each for each in DAMAGES if not each.startswith(("a time", "a number"))]
"""Damaged values for the fields of every kind."""


@pytest.fixture
def sends(cluster, reply):
    """Returns a function that serves raw bytes at a path."""

    def serve(path: str, body: bytes) -> None:
        # The scripted server sends bytes unchanged only as chunks.
        cluster.handlers[path] = lambda _: reply(chunks=[body])

    return serve


@pytest.mark.parametrize("damage", DAMAGES)
def test_unreadable_vm_in_a_list_does_not_prevent_reading_other_vms(
    sends, client, clock, raw_vm, damage
):
    body = raw_vm()
    body["metadata"]["managedFields"] = [
        {
            "manager": "m",
            "time": "TIME",
            "fieldsV1": {
                "f:spec": {"f:template": {"f:spec": {"f:domain": {"f:memory": {"f:guest": {}}}}}}
            },
        }
    ]
    sends(f"{API}/virtualmachines", damaged(body, damage))
    state = ClusterReader(client, clock=clock).read()
    assert [ref.name for ref in state.vms] == ["first", "last"]
    (finding,) = state.diagnostics
    assert (finding.code, finding.ref) == ("unreadable-object", PG0)
    assert any(why in finding.message for why in DAMAGES[damage][2].split("|"))


@pytest.mark.parametrize("damage", DAMAGES)
def test_unreadable_migration_counts_as_in_flight(sends, client, clock, raw_migration, damage):
    body = raw_migration("odd", status={"phase": "Succeeded"})
    sends(f"{API}/virtualmachineinstancemigrations", damaged(body, damage))
    state = ClusterReader(client, clock=clock).read()
    finished = {each.ref.name: each.phase.finished for each in state.migrations[PG0]}
    assert finished == {"first": True, "odd": False, "last": True}
    (finding,) = state.diagnostics
    assert (finding.code, finding.ref.name) == ("unreadable-object", "odd")
    assert "cannot be read, so it counts as in progress" in finding.message


@pytest.mark.parametrize("damage", COMMON)
def test_unreadable_pod_counts_as_using_all_memory_of_its_node(sends, client, clock, damage):
    body = {
        "metadata": {"namespace": "db", "name": "odd"},
        "spec": {
            "nodeName": "node01",
            "containers": [{"resources": {"requests": {"memory": "BYTE"}}}],
        },
    }
    sends("/api/v1/pods", damaged(body, damage))
    sends("/api/v1/resourcequotas", b'{"kind":"List","metadata":{},"items":[]}')
    sends("/api/v1/limitranges", b'{"kind":"List","metadata":{},"items":[]}')
    found = read_capacity(client, clock)
    (finding,) = found.diagnostics
    assert (finding.code, finding.ref.name) == ("unreadable-object", "odd")
    assert "cannot be read, so its node counts as full" in finding.message
    assert found.nodes["node01"].requested.memory == (1 << 62) + (2 << 30)


@pytest.mark.parametrize("damage", COMMON)
def test_unreadable_resource_quota_counts_as_exhausted(sends, client, clock, damage):
    body = {
        "metadata": {"namespace": "db", "name": "odd"},
        "spec": {"hard": {"pods": "9", "memory": "BYTE"}},
    }
    sends("/api/v1/pods", b'{"kind":"List","metadata":{},"items":[]}')
    sends("/api/v1/resourcequotas", damaged(body, damage))
    sends("/api/v1/limitranges", b'{"kind":"List","metadata":{},"items":[]}')
    found = read_capacity(client, clock)
    (finding,) = found.diagnostics
    assert (finding.code, finding.ref.name) == ("unreadable-object", "odd")
    assert "cannot be read, so it counts as exhausted" in finding.message
    hard = {each.name: each.hard["pods"] for each in found.quotas["db"]}
    assert hard == {"first": 9, "odd": 0, "last": 9}


@pytest.mark.parametrize("damage", COMMON)
def test_unreadable_node_does_not_prevent_reading_other_nodes(sends, client, clock, damage):
    body = {
        "metadata": {"name": "odd"},
        "status": {"allocatable": {"memory": "BYTE"}},
    }
    sends("/api/v1/nodes", damaged(body, damage))
    state = ClusterReader(client, clock=clock).read()
    assert [each.name for each in state.nodes] == ["first", "last"]
    (finding,) = state.diagnostics
    assert (finding.code, finding.ref.name) == ("unreadable-object", "odd")


VMI_PATH = f"{API}/virtualmachineinstances"


def test_vmi_list_response_with_another_kind_is_not_read_as_an_empty_list(sends, client, clock):
    sends(VMI_PATH, b'{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[]}')
    with pytest.raises(ClusterError, match="'PodList', which is not a list of virtualmachinei"):
        ClusterReader(client, clock=clock).read()


@pytest.mark.parametrize("depth", [0, 20_000])
def test_list_page_with_more_than_1000_objects_raises_an_error(sends, client, clock, depth):
    deep = b'{"spec":' + b"[" * depth + b"]" * depth + b"}," if depth else b""
    many = b",".join([b"{}"] * 1_001)
    sends(VMI_PATH, b'{"kind":"List","metadata":{},"items":[' + deep + many + b"]}")
    with pytest.raises(ClusterError, match=r"length 1000|more than 1,000 objects"):
        ClusterReader(client, clock=clock).read()


def test_list_with_too_many_unreadable_objects_raises_an_error(sends, client, clock, monkeypatch):
    monkeypatch.setattr(pages, "MAX_UNREADABLE", 9)
    page = b'{"kind":"List","metadata":{},"items":[%b]}'
    sends(VMI_PATH, page % b",".join([b"{}"] * 9))
    assert len(ClusterReader(client, clock=clock).read().diagnostics) == 9
    sends(VMI_PATH, page % b",".join([b"{}"] * 10))
    with pytest.raises(ClusterError, match=r"more than 9 objects in a list cannot be read; the f"):
        ClusterReader(client, clock=clock).read()


@pytest.mark.parametrize("kind", [b"Status", b"Pod"])
def test_namespace_response_with_another_kind_is_not_used_as_the_cluster_id(
    sends, client, clock, kind
):
    sends("/api/v1/namespaces/kube-system", b'{"kind":"%b","metadata":{"uid":"u"}}' % kind)
    with pytest.raises(ClusterError, match="is not a Namespace"):
        ClusterReader(client, clock=clock).read()


def test_unreadable_instancetype_does_not_prevent_reading_other_instancetypes(sends, client):
    body = b'{"metadata":{"name":"%b","namespace":"db"},"spec":{"memory":{"guest":"%b"}}}'
    items = body % (b"odd", b"1" * 5_000) + b"," + body % (b"big", b"8Gi")
    path = "/apis/instancetype.kubevirt.io/v1beta1/virtualmachineinstancetypes"
    sends(path, b'{"kind":"List","metadata":{},"items":[' + items + b"]}")
    listed = list_all(client, path, NAMESPACED)
    (finding,) = listed.diagnostics
    assert [each.ref.name for each in listed.values] == ["big"]
    assert (finding.code, finding.ref.name) == ("unreadable-object", "odd")
