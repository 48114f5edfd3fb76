"""Tests the HTTP server of the simulator with the Kubernetes client library."""

import gc
import socket
import threading
import urllib.request
import warnings
from contextlib import ExitStack

import pytest
from kubernetes import client, watch
from support.apiserver import JSON_PATCH, VMS, ApiServer, over_http, vm, vm_key

from reconciler.simulator import kubeconfig
from reconciler.simulator.apiserver.request.api_faults import Effect, Fault
from reconciler.simulator.engine import Engine
from reconciler.simulator.http_server.server import Server

WHERE = ("kubevirt.io", "v1", "db", "virtualmachines")


@pytest.fixture
def server():
    return ApiServer()


@pytest.fixture
def served(server):
    with Server(server.api) as running:
        yield running


@pytest.fixture
def api(served):
    configuration = client.Configuration()
    configuration.host = served.url
    configuration.api_key = {"authorization": f"Bearer {served.token}"}
    with client.ApiClient(configuration) as connection:
        yield client.CustomObjectsApi(connection)
        connection.rest_client.pool_manager.clear()


def connected(running):
    """Returns a TCP connection to the HTTP server."""
    return socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])))


def test_client_creates_lists_patches_and_deletes_objects_over_http(api):
    api.create_namespaced_custom_object(*WHERE, vm())
    patch = [{"op": "replace", "path": "/spec/template/spec/domain/memory/guest", "value": "2Gi"}]
    patched = api.patch_namespaced_custom_object(
        *WHERE, "pg", patch, _content_type=JSON_PATCH, field_validation="Strict"
    )
    assert patched["metadata"]["generation"] == 2
    assert [i["metadata"]["name"] for i in api.list_namespaced_custom_object(*WHERE)["items"]] == [
        "pg"
    ]
    assert api.delete_namespaced_custom_object(*WHERE, "pg")["status"] == "Success"


def test_json_patch_without_its_content_type_is_rejected_as_a_merge_patch(api):
    api.create_namespaced_custom_object(*WHERE, vm())
    with pytest.raises(client.ApiException) as refused:
        api.patch_namespaced_custom_object(
            *WHERE, "pg", [], _content_type="application/merge-patch+json"
        )
    assert refused.value.status == 400


def test_watch_streams_changes_over_http_as_they_happen(api, server):
    later = threading.Timer(0.05, lambda: server.store.create(vm_key("b"), vm("b")))
    server.store.create(vm_key("a"), vm("a"))
    later.start()
    stream = watch.Watch()
    seen = []
    for event in stream.stream(api.list_namespaced_custom_object, *WHERE):
        seen.append((event["type"], event["object"]["metadata"]["name"]))
        if len(seen) == 2:
            stream.stop()
    later.join()
    assert seen == [("ADDED", "a"), ("ADDED", "b")]


def test_closing_the_http_server_ends_open_watches_and_the_server_thread(server):
    before = threading.enumerate()
    running = Server(server.api)
    request = urllib.request.Request(
        f"{running.url}{VMS}?watch=1", headers={"Authorization": f"Bearer {running.token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        closer = threading.Thread(target=running.close)
        closer.start()
        assert response.read() == b""
        closer.join()
    assert set(threading.enumerate()) <= set(before)


def test_closing_the_http_server_immediately_after_its_start_ends_the_server_thread(server):
    before = threading.enumerate()
    for _ in range(3):
        Server(server.api).close()
    assert set(threading.enumerate()) <= set(before)


def test_closing_the_http_server_closes_every_connection(server):
    for number in range(40):
        server.create_vm(f"{number:0>60}", annotations={"a": "x" * 200_000})
    get = f"GET {VMS} HTTP/1.1\r\nHost: sim\r\nAuthorization: Bearer {server.api.tokens.admin}\r\n"
    sent = (
        "",
        "GET /version HTTP/1.1\r\nHost",
        f"POST {VMS} HTTP/1.1\r\nHost: sim\r\nContent-Length: 100\r\n\r\n{{",
        f"{get}\r\n",  # the client never reads the 8 MB of this response
    )
    with warnings.catch_warnings(record=True) as reported, ExitStack() as clients:
        warnings.simplefilter("always")
        running = Server(server.api)
        for text in sent:
            clients.enter_context(connected(running)).sendall(text.encode())
        over_http(running.url, "GET", "/version", token=running.token)
        running.close()
        del running
        gc.collect()
    assert [str(each.message) for each in reported] == []


def test_http_server_closes_a_connection_that_it_accepts_while_it_stops():
    server = ApiServer(scale=1000.0)
    engine = Engine(server.clock, server.store)
    blocked, resume = threading.Event(), threading.Event()

    def block():
        blocked.set()
        resume.wait()
        # uvicorn checks every 0.1 s whether it has to stop, and its next check is then due.
        threading.Event().wait(0.15)

    with warnings.catch_warnings(record=True) as reported, ExitStack() as clients:
        warnings.simplefilter("always")
        running = Server(server.api, engine)
        engine.at(0.0, block)
        blocked.wait()
        late = clients.enter_context(connected(running))
        closer = threading.Thread(target=running.close)
        closer.start()
        resume.set()
        closer.join()
        del running, closer
        gc.collect()
        assert late.recv(1) == b""
    assert [str(each.message) for each in reported] == []


def test_http_server_raises_an_error_for_a_port_in_use(served, server):
    port = int(served.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        Server(server.api, port=port)


def test_request_with_a_wrong_token_gets_401(served):
    assert over_http(served.url, "GET", VMS, token="wrong").status == 401


def test_http_server_decodes_encoded_paths_and_queries(served, server):
    server.create_vm("pg.a")
    found = over_http(served.url, "GET", f"{VMS}/pg%2Ea", token=served.token)
    assert found.body["metadata"]["name"] == "pg.a"
    query = "labelSelector=a%20in%20%28b%29"
    assert over_http(served.url, "GET", f"{VMS}?{query}", token=served.token).status == 200


@pytest.mark.parametrize(
    ("accepted", "size", "encoding"),
    [
        ("gzip", 140_000, "gzip"),
        ("deflate, gzip", 140_000, "gzip"),
        ("identity", 140_000, None),
        ("", 140_000, None),
        ("gzip", 100_000, None),
    ],
)
def test_http_server_compresses_large_responses_on_request(
    served, server, accepted, size, encoding
):
    server.create_vm(annotations={"a": "x" * size})
    for path in (VMS, f"{VMS}?watch=1&timeoutSeconds=1"):
        request = urllib.request.Request(
            f"{served.url}{path}",
            headers={"Authorization": f"Bearer {served.token}", "Accept-Encoding": accepted},
        )
        with urllib.request.urlopen(request, timeout=100) as response:
            first = response.readline()
        expected = None if "watch" in path else encoding
        assert response.headers["Content-Encoding"] == expected, path
        assert (b"x" * size in first) == (expected is None), path


def test_http_response_has_a_separate_header_for_each_warning(served):
    body = vm()
    body["spec"].update(nope=1, other=2)
    answer = over_http(served.url, "POST", VMS, body, token=served.token)
    assert answer.header("Warning") == [
        '299 - "unknown field \\"spec.nope\\""',
        '299 - "unknown field \\"spec.other\\""',
    ]


def test_injected_delay_postpones_an_http_response_by_simulated_time():
    server = ApiServer(scale=100.0)
    server.faults.add(Fault(effect=Effect.SLOW, seconds=5.0))
    with Server(server.api) as running:
        started = server.clock.monotonic()
        assert over_http(running.url, "GET", VMS, token=running.token).status == 200
        assert server.clock.monotonic() - started >= 5.0


def test_http_server_runs_the_scheduled_work_of_the_simulation_engine():
    server = ApiServer(scale=1000.0)
    engine = Engine(server.clock, server.store)
    done = threading.Event()
    with Server(server.api, engine):
        engine.at(5.0, lambda: engine.at(5.0, done.set))
        assert done.wait(5)


def test_error_in_the_simulation_engine_is_raised_when_the_http_server_closes():
    server = ApiServer(scale=1000.0)
    engine = Engine(server.clock, server.store)

    def fail():
        raise ZeroDivisionError

    engine.at(0.0, fail)
    running = Server(server.api, engine)
    running.wait()
    with pytest.raises(RuntimeError, match="HTTP server failed") as failure:
        running.close()
    assert isinstance(failure.value.__cause__, ZeroDivisionError)


def test_request_log_contains_each_request(served, server):
    over_http(served.url, "GET", f"{VMS}?limit=1", token=served.token)
    record = server.api.log[-1]
    assert (record.method, record.path, record.query, record.status) == (
        "GET",
        VMS,
        "limit=1",
        200,
    )
    assert (record.user, record.user_agent) == ("kubernetes-admin", "test/1.0")
    assert served.token not in repr(record)


def test_kubeconfig_contains_the_server_and_token(served):
    text = kubeconfig.render(served.url, served.token)
    assert served.url in text
    assert served.token in text


def test_date_header_shows_the_simulated_time(server, served):
    server.clock.advance(90_061)
    for path, first_line in ((VMS, False), (f"{VMS}?watch=true&timeoutSeconds=1", True)):
        if first_line:
            server.create_vm()
        answer = over_http(served.url, "GET", path, token=served.token, first_line=first_line)
        assert answer.header("date") == ["Fri, 02 Jan 2026 01:01:01 GMT"]
