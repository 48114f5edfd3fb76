"""Tests that the informer lists each kind, applies watch events, and lists again if necessary."""

from __future__ import annotations

import json
import logging
import queue
import threading
from time import monotonic

import pytest

from reconciler.cluster.api import client as client_module
from reconciler.cluster.informer import informer as informer_module
from reconciler.cluster.informer import reflector as reflector_module
from reconciler.cluster.informer.informer import ClusterInformer
from reconciler.errors import BackgroundError, ClusterError, KubeVirtMissingError, UnavailableError
from reconciler.model.references import vm_ref

API = "/apis/kubevirt.io/v1"
PG0 = vm_ref("db", "pg-0")
END = object()


class Stream:
    """A watch to which the test sends lines."""

    def __init__(self):
        self.lines = queue.SimpleQueue()

    def send(self, kind, body):
        self.lines.put(json.dumps({"type": kind, "object": body}).encode() + b"\n")

    def send_raw(self, line):
        self.lines.put(line + b"\n")

    def end(self):
        self.lines.put(END)

    def __iter__(self):
        while (line := self.lines.get()) is not END:
            yield line


@pytest.fixture
def streams(cluster, harness, monkeypatch):
    """The scripted API server with a watch for each kind."""
    monkeypatch.setattr(reflector_module, "_SHORTEST_S", 0.0)
    found = {}
    for kind in ("kubevirts", "virtualmachines", "virtualmachineinstances"):
        _watchable(cluster, harness, found, kind)
    _watchable(cluster, harness, found, "virtualmachineinstancemigrations")
    yield found
    for stream in found.values():
        stream.end()


def _watchable(cluster, harness, found, kind):
    lists, stream = cluster.handlers[f"{API}/{kind}"], Stream()
    found[kind] = stream

    def answer(request):
        if "watch" in request.query:
            return harness.Reply(chunks=iter(stream))
        return lists(request)

    cluster.handlers[f"{API}/{kind}"] = answer


@pytest.fixture
def informer(client, clock):
    return ClusterInformer(client, clock=clock)


def wait_until(informer, holds, timeout_s=5.0):
    """Wait for the first snapshot for which *holds* is true, and return it."""
    state = informer.read()  # the first read starts the threads, and a wait alone would not
    for _ in range(20):
        if holds(state):
            return state
        state = informer.wait(timeout_s)
    raise AssertionError("the informer never said so")


def lists_of(cluster, kind):
    return [r for r in cluster.requests if r.path == f"{API}/{kind}" and "watch" not in r.query]


def watches_of(cluster, kind):
    return [r for r in cluster.requests if r.path == f"{API}/{kind}" and "watch" in r.query]


def test_informer_snapshot_contains_objects_of_every_watched_kind(streams, informer):
    with informer:
        state = informer.read()
    assert state.cluster_id == "cluster-1"
    assert list(state.vms) == list(state.vmis) == list(state.migrations) == [PG0]
    assert state.nodes[0].name == "node01"


def test_watch_events_change_the_next_snapshot_but_not_earlier_snapshots(
    streams, informer, raw_vm
):
    with informer:
        before = informer.read()
        streams["virtualmachines"].send("MODIFIED", raw_vm(guest="2Gi"))
        streams["virtualmachines"].send("ADDED", raw_vm("pg-1"))
        after = wait_until(informer, lambda state: len(state.vms) == 2)
    assert after.vms[PG0].guest.raw == "2Gi"
    assert before.vms[PG0].guest.raw == "1Gi"
    assert len(before.vms) == 1


def test_informer_snapshot_shares_objects_of_unchanged_kinds_with_the_previous_snapshot(
    streams, informer, raw_vm
):
    with informer:
        before = informer.read()
        streams["virtualmachines"].send("MODIFIED", raw_vm(guest="2Gi"))
        after = wait_until(informer, lambda state: state.vms is not before.vms)
    assert after.vmis is before.vmis
    assert after.migrations is before.migrations


def test_deleted_object_is_removed_from_the_snapshot(
    streams, informer, raw_vm, raw_vmi, raw_migration
):
    with informer:
        informer.read()
        streams["virtualmachines"].send("DELETED", raw_vm())
        streams["virtualmachineinstances"].send("DELETED", raw_vmi())
        streams["virtualmachineinstancemigrations"].send("DELETED", raw_migration())
        wait_until(informer, lambda s: not s.vms and not s.vmis and not s.migrations)


def test_migrations_of_a_vm_stay_sorted_by_age_after_watch_events(
    streams, informer, raw_migration
):
    older = raw_migration("older")
    older["metadata"]["creationTimestamp"] = "2026-11-22T00:00:00Z"
    with informer:
        streams["virtualmachineinstancemigrations"].send("ADDED", older)
        state = wait_until(informer, lambda state: len(state.migrations[PG0]) == 2)
    assert state.migrations[PG0][0].ref.name == "older"


def test_unreadable_object_is_omitted_from_snapshots_until_an_event_makes_it_readable(
    streams, informer, raw_vmi
):
    with informer:
        streams["virtualmachineinstances"].send("MODIFIED", raw_vmi(memory=[]))
        state = wait_until(informer, lambda state: state.diagnostics)
        assert state.vmis == {}
        assert state.diagnostics[0].ref == PG0
        streams["virtualmachineinstances"].send("MODIFIED", raw_vmi())
        state = wait_until(informer, lambda state: not state.diagnostics)
        assert PG0 in state.vmis


def _odd_vm(raw_vm, what):
    """Return a watch event for the VM pg-0 that Python cannot decode."""
    body = raw_vm()
    body["metadata"]["labels"] = {"app": "BYTE"}
    owner = {"f:spec": {"f:template": {"f:spec": {"f:domain": {"f:memory": {"f:guest": {}}}}}}}
    if what.startswith("time"):
        time = what.removeprefix("time ")
        body["metadata"]["managedFields"] = [{"manager": "m", "time": time, "fieldsV1": owner}]
    if what == "digits":
        body["spec"]["template"]["spec"]["domain"]["memory"]["guest"] = "9" * 5000
    body["spec"]["extra"] = "NEST"
    line = json.dumps({"type": "MODIFIED", "object": body}, separators=(",", ":")).encode()
    line = line.replace(b"BYTE", b"\xff" if what == "byte" else b"pg")
    return line.replace(b'"NEST"', b"[" * 20_000 + b"]" * 20_000 if what == "nesting" else b"{}")


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("byte", "can't decode byte 0xff"),
        ("nesting", "maximum recursion depth exceeded"),
        ("time 0001-01-01T00:00:00+14:00", "the time '0001-01-01T00:00:00+14:00' is out of range"),
        ("time 9999-12-31T23:59:59-01:00", "the time '9999-12-31T23:59:59-01:00' is out of range"),
        ("digits", "is not a quantity; use at most 256 characters"),
    ],
)
def test_undecodable_watch_event_does_not_prevent_later_events(
    streams, cluster, informer, raw_vm, what, why
):
    with informer:
        streams["virtualmachines"].send_raw(_odd_vm(raw_vm, what))
        state = wait_until(informer, lambda state: state.diagnostics)
        assert state.vms == {}
        (finding,) = state.diagnostics
        assert (finding.code, finding.ref) == ("unreadable-object", PG0)
        assert why in finding.message
        streams["virtualmachines"].send("ADDED", raw_vm("pg-1"))
        state = wait_until(informer, lambda state: vm_ref("db", "pg-1") in state.vms)
        assert state.diagnostics == (finding,)
        streams["virtualmachines"].send("MODIFIED", raw_vm())
        state = wait_until(informer, lambda state: not state.diagnostics)
        assert set(state.vms) == {PG0, vm_ref("db", "pg-1")}
    assert len(watches_of(cluster, "virtualmachines")) == 1


def test_undecodable_watch_event_without_an_object_name_is_reported(streams, informer, raw_vm):
    deep = b"[" * 20_000 + b"]" * 20_000
    with informer:
        line = b'{"type":"ADDED","object":{"metadata":{"annotations":%s}}}' % deep
        streams["virtualmachines"].send_raw(line)
        state = wait_until(informer, lambda state: state.diagnostics)
        assert [each.ref.name for each in state.diagnostics] == ["?"]
        streams["virtualmachines"].send("ADDED", raw_vm("pg-1"))
        wait_until(informer, lambda state: len(state.vms) == 2)


def test_undecodable_watch_event_of_a_migration_counts_as_a_migration_in_flight(
    streams, informer, raw_migration
):
    done = raw_migration("done", status={"phase": "Succeeded"})
    odd = raw_migration("done", status={"phase": "Succeeded", "conditions": "none"})
    with informer:
        streams["virtualmachineinstancemigrations"].send("ADDED", done)
        wait_until(informer, lambda state: len(state.migrations[PG0]) == 2)
        streams["virtualmachineinstancemigrations"].send("MODIFIED", odd)
        state = wait_until(informer, lambda state: state.diagnostics)
        phases = {each.ref.name: each.phase.finished for each in state.migrations[PG0]}
        assert phases == {"done": False, "kubevirt-workload-update-mwljw": False}
        streams["virtualmachineinstancemigrations"].send("DELETED", odd)
        state = wait_until(informer, lambda state: not state.diagnostics)
        assert [each.ref.name for each in state.migrations[PG0]] != ["done"]


def test_undecodable_watch_event_of_the_kubevirt_cr_raises_an_error(
    streams, informer, raw_kubevirt
):
    cr = json.dumps({"type": "MODIFIED", "object": raw_kubevirt()}).encode()
    with informer:
        informer.read()
        streams["kubevirts"].send_raw(cr.replace(b"Deployed", b"\xff"))
        with pytest.raises(ClusterError, match="the cluster's KubeVirt CR cannot be read"):
            wait_until(informer, lambda _: False)


class BrokenClock:
    """A clock that raises an error in reflector threads after the test sets *broken*."""

    def __init__(self, base):
        self._base, self.broken = base, False

    def __getattr__(self, name):
        return getattr(self._base, name)

    def monotonic(self):
        if self.broken and threading.current_thread().name.startswith("watch "):
            raise ZeroDivisionError("no time")
        return self._base.monotonic()


def test_unexpected_reflector_error_is_raised_in_the_thread_that_waits_for_the_informer(
    streams, client, clock, caplog
):
    broken = BrokenClock(clock)
    with ClusterInformer(client, clock=broken) as informer:
        informer.read()
        broken.broken = True
        streams["virtualmachines"].end()
        why = "virtualmachines ended unexpectedly: ZeroDivisionError: no time"
        with pytest.raises(BackgroundError, match=why) as caught:
            informer.wait(20.0)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        with pytest.raises(BackgroundError):
            informer.read()
    assert [each.levelno for each in caplog.records if each.exc_info] == [logging.ERROR]


def test_new_watch_continues_after_the_last_event_of_the_ended_watch(
    streams, cluster, informer, raw_vm
):
    later = raw_vm(guest="2Gi")
    later["metadata"]["resourceVersion"] = "9999"
    with informer:
        informer.read()
        streams["virtualmachines"].send("MODIFIED", later)
        streams["virtualmachines"].send("BOOKMARK", {"metadata": {"resourceVersion": "10001"}})
        streams["virtualmachines"].end()
        streams["virtualmachines"].send("MODIFIED", raw_vm(guest="3Gi"))
        wait_until(informer, lambda state: state.vms[PG0].guest.raw == "3Gi")
    versions = [each.query["resourceVersion"] for each in watches_of(cluster, "virtualmachines")]
    assert versions[:2] == ["9488", "10001"]
    assert len(lists_of(cluster, "virtualmachines")) == 1


def test_watch_with_an_expired_resource_version_is_replaced_by_a_new_list_request(
    streams, cluster, informer, page, raw_vm, harness
):
    lists = [page(raw_vm()), page(raw_vm("fresh"), version="9999")]
    watch = cluster.handlers[f"{API}/virtualmachines"]

    def answer(request):
        return watch(request) if "watch" in request.query else lists.pop(0)

    cluster.handlers[f"{API}/virtualmachines"] = answer
    with informer:
        informer.read()
        gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
        streams["virtualmachines"].send("ERROR", gone)
        state = wait_until(informer, lambda state: vm_ref("db", "fresh") in state.vms)
    assert PG0 not in state.vms
    assert watches_of(cluster, "virtualmachines")[-1].query["resourceVersion"] == "9999"


def test_watch_without_permission_is_replaced_by_periodic_list_requests_with_one_warning(
    cluster, streams, failure, page, raw_vm, caplog, client, clock
):
    lists = [page(raw_vm()), page(raw_vm("second")), page(raw_vm("third"))]

    def answer(request):
        if "watch" in request.query:
            return failure(403, "cannot watch", "Forbidden")
        return lists.pop(0) if len(lists) > 1 else lists[0]

    cluster.handlers[f"{API}/virtualmachines"] = answer
    with ClusterInformer(client, clock=clock, scale=1000.0) as scaled:
        wait_until(scaled, lambda state: vm_ref("db", "third") in state.vms, 5000.0)
    said = [r for r in caplog.records if "listed every 10 s" in r.getMessage()]
    assert len(said) == 1
    assert len(watches_of(cluster, "virtualmachines")) == 1


def test_informer_lists_nodes_after_the_missing_permission_has_been_granted(
    streams, cluster, failure, client, clock
):
    listed = cluster.handlers["/api/v1/nodes"]
    denied = failure(403, "no", "Forbidden")
    cluster.handlers["/api/v1/nodes"] = lambda _: denied
    with ClusterInformer(client, clock=clock, scale=1000.0) as scaled:
        first = scaled.read()
        assert (first.nodes, [each.code for each in first.diagnostics]) == (
            (),
            ["nodes-unreadable"],
        )
        cluster.handlers["/api/v1/nodes"] = listed
        state = wait_until(scaled, lambda state: state.nodes, 5000.0)
    assert state.diagnostics == ()


def test_burst_of_watch_events_causes_a_single_snapshot(streams, informer, raw_vm, monkeypatch):
    monkeypatch.setattr(informer_module, "_COALESCE_S", 0.3)
    with informer:
        informer.read()
        for i in range(50):
            streams["virtualmachines"].send("ADDED", raw_vm(f"burst-{i}"))
        assert len(informer.wait(5.0).vms) == 51


def test_unreadable_hyperconverged_does_not_prevent_a_snapshot(
    streams, cluster, informer, reply, failure
):
    groups = [{"name": "hco.kubevirt.io", "versions": [{"version": "v1"}]}]
    listed, missing = reply(200, {"kind": "APIGroupList", "groups": groups}), reply(404, "")
    cluster.handlers["/apis"] = lambda sent: listed if sent.path == "/apis" else missing
    cluster.on("/apis/hco.kubevirt.io", failure(503, "not ready"))
    with informer:
        state = informer.read()
    assert (list(state.vms), state.owners, state.api_groups) == ([PG0], (), {"hco.kubevirt.io"})
    assert [each.code for each in state.diagnostics] == ["owner-unreadable"]


def test_informer_wait_returns_after_the_timeout(streams, informer):
    with informer:
        before = informer.read()
        assert informer.wait(0.05).vms is before.vms


def test_informer_exit_stops_every_thread_immediately(streams, informer):
    with informer:
        informer.read()
    assert not [each for each in threading.enumerate() if each.name.startswith("watch ")]


def test_informer_start_fails_if_kubevirt_is_not_installed(server, informer, reply):
    server.on("/api/v1/namespaces/kube-system", reply(200, {"metadata": {"uid": "u"}}))
    with pytest.raises(KubeVirtMissingError), informer:
        informer.read()


def test_informer_raises_an_error_for_a_second_kubevirt_cr(streams, informer, raw_kubevirt):
    with informer:
        informer.read()
        streams["kubevirts"].send("ADDED", raw_kubevirt("second"))
        with pytest.raises(KubeVirtMissingError, match="2 KubeVirt CRs"):
            wait_until(informer, lambda _: False)


def test_informer_raises_an_error_if_the_server_is_unavailable_and_the_snapshot_is_too_old(
    streams, cluster, informer, failure, clock, caplog
):
    caplog.set_level(logging.WARNING)
    asked, answers = threading.Event(), []

    def answer(request):
        answers.append(request)
        if len(answers) > 1:  # a second request proves that the first failure was handled
            asked.set()
        return failure(503, "not ready")

    with informer:
        informer.read()
        cluster.handlers[f"{API}/virtualmachines"] = answer
        streams["virtualmachines"].end()
        assert asked.wait(5)
        assert informer.read().vms
        clock.elapsed += 121
        with pytest.raises(UnavailableError, match="not ready"):
            informer.read()
    assert sum("trying again" in each.getMessage() for each in caplog.records) == 1


def test_reflector_sends_a_new_list_request_after_ten_minutes_of_events(
    streams, cluster, informer, page, raw_vm, clock
):
    """A proxy might drop events without an error; only a list request then shows the changes."""
    lists = [page(raw_vm()), page(raw_vm("missed"), version="9999")]
    watch = cluster.handlers[f"{API}/virtualmachines"]

    def answer(request):
        return watch(request) if "watch" in request.query else lists.pop(0)

    cluster.handlers[f"{API}/virtualmachines"] = answer
    with informer:
        informer.read()
        clock.elapsed += reflector_module.RELIST_S - 1
        streams["virtualmachines"].end()
        streams["virtualmachines"].send("MODIFIED", raw_vm(guest="2Gi"))
        wait_until(informer, lambda state: state.vms[PG0].guest.raw == "2Gi")
        assert len(lists_of(cluster, "virtualmachines")) == 1
        clock.elapsed += 1
        streams["virtualmachines"].end()
        state = wait_until(informer, lambda state: vm_ref("db", "missed") in state.vms)
    assert PG0 not in state.vms
    assert len(lists_of(cluster, "virtualmachines")) == 2
    assert watches_of(cluster, "virtualmachines")[-1].query["resourceVersion"] == "9999"
    assert len(lists_of(cluster, "virtualmachineinstances")) == 1


def _nothing_until(ended):
    ended.wait(5)
    yield from ()


def test_watch_that_receives_no_data_is_replaced_by_a_new_list_request(
    cluster, informer, page, raw_vm, monkeypatch, harness
):
    monkeypatch.setattr(reflector_module, "WATCH_S", 0.2)
    monkeypatch.setattr(client_module, "_SILENCE_S", 0.1)
    lists = [page(raw_vm()), page(raw_vm("missed"))]
    ended = threading.Event()

    def answer(request):
        if "watch" in request.query:
            return harness.Reply(chunks=_nothing_until(ended))
        return lists.pop(0) if len(lists) > 1 else lists[0]

    cluster.handlers[f"{API}/virtualmachines"] = answer
    with informer:
        wait_until(informer, lambda state: vm_ref("db", "missed") in state.vms)
        ended.set()


@pytest.mark.parametrize("code", [410, 429, 503])
def test_rejected_watch_request_is_retried_after_a_pause(cluster, informer, failure, code):
    lists = cluster.handlers[f"{API}/virtualmachines"]
    refused = threading.Event()

    def answer(request):
        if "watch" not in request.query:
            return lists(request)
        refused.set()
        return failure(code, "no watch")

    cluster.handlers[f"{API}/virtualmachines"] = answer
    with informer:
        informer.read()
        assert refused.wait(5)
        informer.wait(0.2)
    assert len(lists_of(cluster, "virtualmachines")) <= 2
    assert len(watches_of(cluster, "virtualmachines")) <= 2


@pytest.mark.parametrize("code", [400, 504])
def test_watch_with_a_resource_version_unknown_to_the_server_leads_to_a_new_list_request(
    streams, cluster, informer, page, raw_vm, failure, code
):
    lists = [page(raw_vm()), page(raw_vm("restored"), version="12")]
    watch = cluster.handlers[f"{API}/virtualmachines"]

    def answer(request):
        if "watch" not in request.query:
            return lists.pop(0)
        known = request.query["resourceVersion"] == "12"
        return watch(request) if known else failure(code, "Too large resource version: 9488")

    cluster.handlers[f"{API}/virtualmachines"] = answer
    with informer:
        state = wait_until(informer, lambda state: vm_ref("db", "restored") in state.vms)
    assert PG0 not in state.vms


def test_informer_exit_does_not_wait_for_a_server_response(
    streams, cluster, informer, page, raw_vm, harness
):
    """A daemon thread waits for the response, so the process can end."""
    never = threading.Event()

    def answer(request):
        if "watch" in request.query:
            return harness.Reply(410, {"kind": "Status", "code": 410})
        if len(lists_of(cluster, "virtualmachines")) > 1:
            hung.set()
            never.wait(20)
        return page(raw_vm())

    hung = threading.Event()
    cluster.handlers[f"{API}/virtualmachines"] = answer
    with informer:
        informer.read()
        assert hung.wait(5)
        began = monotonic()
    took_s = monotonic() - began
    never.set()
    assert took_s < 2.0
