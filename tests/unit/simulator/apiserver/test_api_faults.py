"""Tests that injected faults of the simulated API server affect the right requests."""

import pytest
from support.apiserver import VMS, ApiServer, frames, vm_key

from reconciler.simulator.apiserver.request.api_faults import Effect, Fault, Faults


@pytest.fixture
def server():
    fresh = ApiServer()
    fresh.create_vm()
    return fresh


def statuses(server, count, method="GET", path=f"{VMS}/pg"):
    return [server.send(method, path).status for _ in range(count)]


def test_injected_status_fault_returns_its_http_status_a_limited_number_of_times(server):
    fault = Fault(effect=Effect.STATUS, code=503, verbs=frozenset({"get"}), times=2)
    server.faults.add(fault)
    assert statuses(server, 4) == [503, 503, 200, 200]
    assert server.faults.fired(fault) == 2


def test_injected_fault_skips_the_given_number_of_requests_and_affects_the_given_number(server):
    server.faults.add(Fault(effect=Effect.STATUS, code=500, skip=2, times=1))
    assert statuses(server, 4) == [200, 200, 500, 200]


def test_injected_throttling_fault_sends_a_retry_after_header(server):
    server.faults.add(Fault(effect=Effect.STATUS, code=429, retry_after_s=7))
    answer = server.send("GET", VMS)
    assert answer.header("retry-after") == ["7"]
    assert answer.body["details"]["retryAfterSeconds"] == 7


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"resource": "virtualmachines"}, True),
        ({"resource": "virtualmachines.kubevirt.io"}, True),
        ({"resource": "pods"}, False),
        ({"namespace": "db", "name": "pg"}, True),
        ({"name": "other"}, False),
        ({"methods": frozenset({"PATCH"})}, False),
        ({"subresource": "status"}, False),
        ({"subresource": ""}, True),
        ({"user": "kubernetes-admin"}, True),
        ({"user": "bob"}, False),
    ],
)
def test_injected_fault_affects_only_matching_requests(server, match, hit):
    server.faults.add(Fault(effect=Effect.STATUS, code=500, **match))
    assert (server.send("GET", f"{VMS}/pg").status == 500) is hit


def test_write_request_that_an_injected_fault_rejects_stores_nothing(server):
    server.faults.add(Fault(effect=Effect.STATUS, code=409, verbs=frozenset({"patch"})))
    before = server.store.rv
    assert server.patch({"spec": {"runStrategy": "Always"}}).status == 409
    assert server.store.rv == before


def test_injected_delay_postpones_the_response_of_the_simulated_api_server(server):
    server.faults.add(Fault(effect=Effect.SLOW, seconds=2.5))
    assert server.send("GET", VMS).delay_s == 2.5


def test_injected_connection_drop_ends_a_watch_after_the_given_number_of_events(server):
    server.faults.add(Fault(effect=Effect.DROP, events=1))
    stream = server.watch(f"{VMS}?watch=1")
    assert len(frames(stream)) == 1
    assert stream.ended


def test_injected_silence_keeps_a_watch_open_but_sends_no_more_events(server):
    server.faults.add(Fault(effect=Effect.SILENT, events=1))
    stream = server.watch(f"{VMS}?watch=1&allowWatchBookmarks=true")
    server.create_vm("b")
    server.clock.advance(600)
    assert len(frames(stream)) == 1
    assert not stream.ended


def test_injected_expiry_fault_returns_410_to_watches_and_later_pages_of_lists(server):
    server.store.create(vm_key("b"), {"spec": {}})
    server.faults.add(Fault(effect=Effect.EXPIRE))
    stream = server.watch(f"{VMS}?watch=1&resourceVersion={server.store.rv}")
    assert frames(stream)[0]["object"]["code"] == 410
    first = server.send("GET", f"{VMS}?limit=1")
    token = first.body["metadata"]["continue"]
    assert server.send("GET", f"{VMS}?limit=1&continue={token}").status == 410


def test_injected_fault_with_a_probability_is_repeatable_with_the_same_seed():
    def run(seed):
        server = ApiServer()
        faults = Faults([Fault(effect=Effect.STATUS, code=500, probability=0.5)], seed=seed)
        server.api = type(server.api)(server.store, server.admission, faults=faults)
        return statuses(server, 20, path=VMS)

    assert run(1) == run(1)
    assert set(run(1)) == {200, 500}


def test_removed_injected_fault_no_longer_affects_requests(server):
    fault = Fault(effect=Effect.STATUS, code=500)
    server.faults.add(fault)
    server.faults.remove(fault)
    assert statuses(server, 1) == [200]
