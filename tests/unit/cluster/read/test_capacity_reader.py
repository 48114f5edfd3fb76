"""Tests how free capacity is computed from pods and quotas, and reported without permission."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.cluster.decode import spare_capacity
from reconciler.cluster.informer.informer import ClusterInformer
from reconciler.cluster.read.capacity_reader import read_capacity
from reconciler.cluster.read.cluster_reader import ClusterReader
from reconciler.errors import BackgroundError, ClusterError, UnavailableError
from reconciler.model.live.capacity import (
    Launcher,
    LimitBound,
    LimitRange,
    NodeUse,
    Quota,
    ResourceUse,
)
from reconciler.model.quantity import GIB, MIB

PODS, QUOTAS = "/api/v1/pods", "/api/v1/resourcequotas"
LIMITS = "/api/v1/limitranges"


def asks(memory=None, **more):
    requests = {**({"memory": memory} if memory else {}), **more}
    return {"name": "c", "resources": {"requests": requests}}


def raw_pod(name="p", *, vmi="", node="node01", phase="Running", containers=(), **spec):
    labels = {"kubevirt.io/created-by": vmi, "kubevirt.io": "virt-launcher"} if vmi else {}
    return {
        "metadata": {"name": name, "namespace": "db", "labels": labels},
        "spec": {"nodeName": node, "containers": list(containers), **spec},
        "status": {"phase": phase},
    }


def raw_quota(name="team", hard=None, used=None, **spec):
    hard = hard or {"requests.memory": "4Gi"}
    status = {"hard": hard, "used": used or {}}
    return {
        "metadata": {"name": name, "namespace": "db"},
        "spec": {"hard": hard, **spec},
        "status": status,
    }


def decoded(kind, raw):
    return kind.one(json.dumps(raw).encode())


@pytest.fixture(autouse=True)
def _no_limit_ranges(server, page):
    server.on(LIMITS, page())


@pytest.fixture
def read(server, client, clock, page):
    def make(pods=(), quotas=(), limits=()):
        server.on(LIMITS, page(*limits))
        server.on(PODS, page(*pods))
        server.on(QUOTAS, page(*quotas))
        return read_capacity(client, clock)

    return make


def test_memory_and_cpus_of_limit_ranges_are_read(read):
    limits = [
        {"type": "Container", "default": {"memory": "2Gi"}, "max": {"memory": "8Gi", "cpu": "4"}},
        {
            "type": "Pod",
            "min": {"memory": "1Gi", "cpu": "100m"},
            "max": {"memory": "9Gi"},
            "maxLimitRequestRatio": {"cpu": "1.5"},
        },
        {"type": "PersistentVolumeClaim", "max": {"storage": "1Ti"}},
    ]
    items = [
        {"metadata": {"name": name, "namespace": "db"}, "spec": {"limits": each}}
        for name, each in (
            ("memory", limits),
            ("cpus", [{"type": "Container", "default": {"cpu": "500m"}}]),
            ("others", [{"type": "Pod", "max": {"ephemeral-storage": "1Gi"}}]),
        )
    ]
    memory = LimitRange(
        name="memory",
        default=2 * GIB,
        bounds=(
            LimitBound(kind="Container", resource="memory", maximum=8 * GIB),
            LimitBound(kind="Container", resource="cpu", maximum=4000),
            LimitBound(kind="Pod", resource="memory", minimum=GIB, maximum=9 * GIB),
            LimitBound(kind="Pod", resource="cpu", minimum=100, ratio=1500),
        ),
    )
    assert read(limits=items).limit_ranges == {
        "db": (LimitRange(name="cpus", default_cpu=500), memory)
    }


# Source: kubernetes v1.36 pkg/api/v1/resource/helpers.go (PodRequests).
PODS_AND_SIZES = [
    pytest.param({"containers": [asks("1Gi"), asks("512Mi")]}, 1536, id="sum of the containers"),
    pytest.param({"containers": [asks(), {"name": "bare"}]}, 0, id="no requests"),
    pytest.param(
        {"containers": [asks("1Gi")], "initContainers": [asks("2Gi"), asks("3Gi")]},
        3072,
        id="larger init container",
    ),
    pytest.param(
        {"containers": [asks("1Gi")], "initContainers": [asks("512Mi")]},
        1024,
        id="smaller init container",
    ),
    pytest.param(
        {
            "containers": [asks("1Gi")],
            "initContainers": [{**asks("1Gi"), "restartPolicy": "Always"}, asks("512Mi")],
        },
        2048,
        id="sidecar",
    ),
    pytest.param(
        {
            "containers": [asks("1Gi")],
            "initContainers": [{**asks("1Gi"), "restartPolicy": "Always"}, asks("3Gi")],
        },
        4096,
        id="init container beside a sidecar",
    ),
    pytest.param(
        {"containers": [asks("1Gi")], "overhead": {"memory": "100Mi"}}, 1124, id="overhead"
    ),
    pytest.param(
        {"containers": [asks("1Gi")], "resources": {"requests": {"memory": "3Gi"}}},
        3072,
        id="requests of the pod itself",
    ),
    pytest.param({"containers": [asks("1e9")]}, 1e9 / MIB, id="decimal notation"),
]


@pytest.mark.parametrize(("spec", "mebibytes"), PODS_AND_SIZES)
def test_memory_request_of_a_pod_is_computed_as_in_the_scheduler(spec, mebibytes):
    found = decoded(spare_capacity.PODS, raw_pod(**spec))
    assert found.launcher.requests.memory == mebibytes * MIB


def test_huge_page_requests_of_a_pod_are_counted_by_page_size():
    containers = [asks("1Gi", **{"hugepages-2Mi": "2Gi", "cpu": "1"}), asks()]
    found = decoded(spare_capacity.PODS, raw_pod(containers=containers))
    assert found.launcher.requests == ResourceUse(
        memory=GIB, hugepages={"2Mi": 2 * GIB}, others={"cpu": 1000}
    )


def test_cpus_and_devices_of_a_pod_are_counted_as_in_the_scheduler():
    containers = [
        asks(cpu="1500m", **{"nvidia.com/gpu": "1", "ephemeral-storage": "1Gi"}),
        asks(cpu="0.25"),
    ]
    starting = [asks(cpu="2", **{"nvidia.com/gpu": "2"})]
    found = decoded(spare_capacity.PODS, raw_pod(containers=containers, initContainers=starting))
    assert found.launcher.requests.others == {"cpu": 2000, "nvidia.com/gpu": 2}


def test_memory_requests_per_node_exclude_finished_pods(read):
    found = read(
        [
            raw_pod("a", containers=[asks("1Gi")]),
            raw_pod("b", containers=[asks("2Gi")], phase="Pending"),
            raw_pod("c", node="node02", containers=[asks("4Gi")]),
            raw_pod("d", containers=[asks("8Gi")], phase="Succeeded"),
            raw_pod("e", node="", containers=[asks("16Gi")], phase="Pending"),
        ]
    )
    assert found.nodes == {
        "node01": NodeUse(requested=ResourceUse(memory=3 * GIB, others={"pods": 2})),
        "node02": NodeUse(requested=ResourceUse(memory=4 * GIB, others={"pods": 1})),
    }


def test_launcher_pods_of_migrating_vms_are_counted_separately_from_pods_that_do_not_migrate(read):
    quota = raw_quota(
        hard={"requests.memory": "8Gi", "pods": "9"}, used={"requests.memory": "3Gi"}
    )
    found = read(
        [
            raw_pod("old", vmi="u1", containers=[asks("1Gi")]),
            raw_pod("new", vmi="u1", node="node02", containers=[asks("2Gi")]),
            raw_pod("rest", vmi="u2", containers=[asks("4Gi")]),
        ],
        [quota],
    )
    assert found.nodes["node01"].moving.memory == GIB
    assert found.nodes["node02"].moving.memory == 2 * GIB
    assert [each.node for each in found.launchers["u1"]] == ["node01", "node02"]
    (held,) = found.quotas["db"]
    assert held == Quota(
        name="team",
        hard={"requests.memory": 8 * GIB, "pods": 9},
        used={"requests.memory": 3 * GIB, "pods": 0},
        moving={"requests.memory": 2 * GIB, "pods": 1},
    )


def test_pod_creation_time_is_read_only_for_a_pod_with_scheduling_gates(read):
    gated = raw_pod("new", vmi="u1", node="", schedulingGates=[{"name": "g"}])
    pods = [raw_pod("old", vmi="u1"), gated]
    for each in pods:
        each["metadata"]["creationTimestamp"] = "2026-11-23T00:00:01Z"
    old, new = read(pods).launchers["u1"]
    assert (old.created_at, new.gates) == (None, ("g",))
    assert new.created_at == datetime(2026, 11, 23, 0, 0, 1, tzinfo=UTC)


def test_memory_limits_of_a_launcher_pod_are_summed(read):
    containers = [
        {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}},
        {"resources": {"limits": {"memory": "60M"}}},
        {},
    ]
    found = read([raw_pod(vmi="u1", containers=containers)])
    assert found.launchers["u1"] == (
        Launcher(
            namespace="db",
            node="node01",
            requests=ResourceUse(memory=GIB),
            limit=2 * GIB + 60_000_000,
        ),
    )


@pytest.mark.parametrize(
    ("spec", "counts"),
    [
        ({}, True),
        ({"scopes": ["NotTerminating", "NotBestEffort"]}, True),
        ({"scopes": ["Terminating"]}, False),
        ({"scopes": ["BestEffort"]}, False),
        ({"scopes": ["PriorityClass"]}, True),
        ({"scopes": ["CrossNamespacePodAffinity"]}, False),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [{"scopeName": "BestEffort", "operator": "Exists"}]
                }
            },
            False,
        ),
    ],
)
def test_resource_quota_counts_only_if_its_scopes_include_launcher_pods(read, spec, counts):
    assert bool(read(quotas=[raw_quota(**spec)]).quotas) is counts


@pytest.mark.parametrize(
    ("operator", "values", "counted"),
    [
        ("Exists", None, {"gold", "silver"}),
        ("DoesNotExist", None, {""}),
        ("In", ["gold"], {"gold"}),
        ("NotIn", ["gold"], {"silver", ""}),
    ],
)
def test_resource_quota_for_a_priority_class_counts_the_pods_of_the_class(
    read, operator, values, counted
):
    expression = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    found = read(quotas=[raw_quota(scopeSelector={"matchExpressions": [expression]})])
    (held,) = found.quotas["db"]
    assert {each for each in ("gold", "silver", "") if held.counts(each)} == counted


def test_cpus_huge_pages_and_devices_of_a_resource_quota_are_read(read):
    hard = {
        "requests.cpu": "1500m",
        "limits.cpu": "4",
        "hugepages-2Mi": "1Gi",
        "requests.nvidia.com/gpu": "2",
        "count/configmaps": "9",
    }
    (held,) = read(quotas=[raw_quota(hard=hard)]).quotas["db"]
    assert held.hard == {
        "requests.cpu": 1500,
        "limits.cpu": 4000,
        "hugepages-2Mi": GIB,
        "requests.nvidia.com/gpu": 2,
    }


def test_resource_quota_that_limits_no_pod_resource_is_omitted(read):
    assert read(quotas=[raw_quota(hard={"requests.storage": "4Gi"})]).quotas == {}


def test_capacity_reader_sends_four_requests_for_a_cluster_of_any_size(server, read):
    pods = [raw_pod(f"p{i}", vmi=f"u{i}", containers=[asks("1Gi")]) for i in range(300)]
    read(pods, [raw_quota()])
    assert sorted(each.path for each in server.requests) == [
        LIMITS,
        PODS,
        QUOTAS,
        "/apis",
    ]
    for each in server.requests:
        if each.path == "/apis":
            continue
        assert each.query["resourceVersion"] == "0"
        assert "limit" not in each.query
    (listing,) = (each for each in server.requests if each.path == PODS)
    assert listing.query["fieldSelector"] == "status.phase!=Succeeded,status.phase!=Failed"


@pytest.mark.parametrize(
    ("path", "code", "knows"),
    [(PODS, "pods-unreadable", "quotas"), (QUOTAS, "resourcequotas-unreadable", "pods")],
)
def test_capacity_reader_reads_quotas_without_permission_for_pods_and_vice_versa(
    server, client, clock, page, failure, path, code, knows
):
    server.on(PODS, page(raw_pod(containers=[asks("1Gi")])))
    server.on(QUOTAS, page(raw_quota()))
    server.on(path, failure(403, "no", "Forbidden"))
    found = read_capacity(client, clock)
    (finding,) = found.diagnostics
    assert (finding.code, finding.severity) == (code, "warning")
    assert "could not be checked" in finding.message
    assert (found.pods_known, found.quotas_known) == (knows == "pods", knows == "quotas")


def test_unreadable_pod_counts_as_larger_than_its_node(read):
    found = read([raw_pod("a", containers=[asks("1Gi")]), raw_pod("b", containers=[asks("1GB")])])
    assert found.nodes["node01"].requested.memory == (1 << 62) + GIB
    (finding,) = found.diagnostics
    assert str(finding.ref) == "Pod db/b"


def test_capacity_reader_decodes_each_pod_before_the_next_pod_arrives(
    server, client, clock, page, harness, monkeypatch
):
    """One response contains all pods of the cluster, about 10 kB each."""
    decoded_one = threading.Event()
    inner = spare_capacity.PODS.live

    def chunks():
        first, second = (json.dumps(raw_pod(name), separators=(",", ":")) for name in "ab")
        yield f'{{"kind":"PodList","items":[{first},{second[:30]}'.encode()
        assert decoded_one.wait(10)
        yield f"{second[30:]}]}}".encode()

    def live(item):
        decoded_one.set()
        return inner(item)

    monkeypatch.setattr(spare_capacity, "PODS", replace(spare_capacity.PODS, live=live))
    server.on(QUOTAS, page())
    server.on(PODS, harness.Reply(chunks=chunks()))
    found = read_capacity(client, clock)
    assert found.pods_known
    assert found.diagnostics == ()


def test_capacity_reader_raises_an_error_if_the_server_is_unavailable(
    server, client, clock, page, failure
):
    server.on(QUOTAS, page())
    server.on(PODS, failure(503, "not ready"))
    with pytest.raises(UnavailableError):
        read_capacity(client, clock)


def test_reading_a_cluster_snapshot_sends_no_list_request_for_pods(cluster, client, clock):
    assert ClusterReader(client, clock=clock).read().capacity is None
    assert not [each for each in cluster.requests if each.path in (PODS, QUOTAS)]


def test_informer_returns_the_capacity_that_was_read_from_the_cluster(
    cluster, client, clock, page
):
    cluster.on(PODS, page(raw_pod(containers=[asks("1Gi")])))
    cluster.on(QUOTAS, page())
    with ClusterInformer(client, clock=clock) as informer:
        assert informer.read().capacity is None
        found = informer.capacity()
        assert informer.read().capacity == found
    assert found.nodes["node01"].requested.memory == GIB


class TestRefresh:
    """Tests that pods and quotas are listed in the background while the old capacity is in use."""

    @pytest.fixture
    def informer(self, cluster, client, clock, page):
        cluster.on(QUOTAS, page())
        with ClusterInformer(client, clock=clock) as informer:
            yield informer

    def test_capacity_refresh_ends_the_wait_for_a_new_snapshot(self, cluster, informer, page):
        cluster.on(PODS, page(raw_pod(containers=[asks("1Gi")])))
        informer.read()
        _refresh(informer)
        assert informer.wait(30.0).capacity.nodes["node01"].requested.memory == GIB

    def test_failed_capacity_refresh_keeps_the_old_capacity(
        self, cluster, informer, page, failure, caplog
    ):
        cluster.on(PODS, page())
        old = informer.capacity()
        logged = threading.Event()
        cluster.handlers[PODS] = lambda _: failure(500, "odd")
        caplog.handler.emit = _setting(logged, caplog.handler.emit)
        _refresh(informer)
        assert logged.wait(30)
        assert "cannot list pods and quotas again" in caplog.text
        assert informer.read().capacity is old

    def test_unexpected_capacity_refresh_error_is_raised_in_the_waiting_thread(
        self, informer, clock, monkeypatch
    ):
        now = clock.now

        def broken():
            if threading.current_thread() is threading.main_thread():
                return now()
            raise ZeroDivisionError("no time")

        monkeypatch.setattr(clock, "now", broken)
        informer.read()
        _refresh(informer)
        why = "the thread that reads pods and quotas ended unexpectedly: ZeroDivisionError"
        with pytest.raises(BackgroundError, match=why):
            informer.wait(30.0)

    def test_capacity_refresh_is_not_repeated_within_ten_seconds(
        self, cluster, informer, clock, page
    ):
        asked = []
        cluster.handlers[PODS] = lambda request: (asked.append(request), page())[1]
        informer.read()
        _refresh(informer)
        informer.wait(30.0)
        _refresh(informer)
        informer.wait(0.1)
        assert len(asked) == 1
        clock.elapsed += 10
        informer.read()
        _refresh(informer)
        informer.wait(30.0)
        assert len(asked) == 2

    def test_capacity_refresh_does_not_replace_newer_capacity_data(
        self, cluster, informer, clock, page
    ):
        started, go_on = threading.Event(), threading.Event()

        def late(_request):
            started.set()
            assert go_on.wait(30)
            return page()

        cluster.handlers[PODS] = late
        _refresh(informer)
        assert started.wait(30)
        cluster.on(PODS, page())
        clock.elapsed += 5
        newer = informer.capacity()
        informer.read()
        go_on.set()
        assert informer.wait(30.0).capacity is newer


def _refresh(informer):
    """Start a refresh in the background; expect an error, since none has succeeded yet."""
    with suppress(ClusterError):
        informer.refresh_capacity()


def _setting(event, emit):
    def emitting(record):
        emit(record)
        event.set()

    return emitting
