"""The status page server shows the newest state, and accepts only read requests."""

from __future__ import annotations

import asyncio
import gzip
import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from starlette.requests import Request
from support.builders import NOW
from support.schemas import check_document
from support.serving.asgi_call import ask
from support.serving.raw_http import connect, read_to_end, read_until, request
from support.serving.views import ended_run, make_store, make_view, planned_view

from reconciler.errors import UnreachableError
from reconciler.model.service.view import ActiveRun, Wait, WaitKind
from reconciler.report.metrics.exposition import MetricsText
from reconciler.serve.http.event_stream import EventStreams, StreamLimits
from reconciler.serve.http.face_app import FaceOptions, face_app
from reconciler.serve.http.face_content import FaceContent, StaticFile
from reconciler.serve.http.http_server import HttpServer, Listener
from reconciler.serve.http.listen_address import ListenAddress
from reconciler.serve.http.render_cache import RenderCache
from reconciler.serve.loop.outage import outage_shown

ANY_PORT = ListenAddress(host="127.0.0.1", port=0)
STYLE = StaticFile(content_type="text/css", body=b"a { color: red }")


def _events(before, after) -> bytes:
    return f"event: mode\ndata: {before and before.version} {after.version}\n\n".encode()


def _page(view, query, view_id) -> str:
    return f"<p>{view.version} {sorted(query.items())} {view_id} " + "x" * 2_000


CONTENT = FaceContent(
    page=_page,
    vm_page=lambda _view, ref, _view_id: f"<p>{ref}" if ref.name == "a" else None,
    reason_page=lambda _view, code: f"<p>{code}" if code == "hotplug" else None,
    missing_page=lambda path: f"<p>no page {path}",
    events=_events,
    metrics=lambda view, accept: MetricsText(
        f"version {view.version}\n".encode(), accept or "a/b"
    ),
    static={"page.css": STYLE},
)


@pytest.fixture
def store():
    return make_store(planned_view())


@pytest.fixture
def face(store):
    """Return a function that sends requests to the status page application in process."""

    def build(content=CONTENT, **options):
        return partial(ask, face_app(store, content, FaceOptions(**options)))

    return build


@pytest.fixture
def served(store):
    """Return a function that serves a state store with given options, and returns its address."""
    servers = []

    def serve(content=CONTENT, **options):
        app = face_app(store, content, FaceOptions(**options))
        server = HttpServer(Listener(option="--listen", address=ANY_PORT, app=app))
        servers.append(server.__enter__())
        return server.addresses[0]

    yield serve
    for each in servers:
        each.stop()


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/api/v1/plan", "plan"),
        ("/api/v1/status", "status"),
        ("/api/v1/runs", "runs"),
        ("/api/v1/runs/run-1", "report"),
    ],
)
def test_api_returns_documents_that_match_their_published_schemas(store, face, path, schema):
    active = ActiveRun(run_id="run-2", plan=store.read()[1].plan, started_at=NOW)
    store.update(runs=(ended_run("run-1"),), run=active)
    answer = face()(path)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    document = json.loads(answer.body)
    check_document(document, schema)


def test_api_lists_ended_runs_newest_first_and_shows_the_active_run_separately(store, face):
    active = ActiveRun(run_id="run-3", plan=store.read()[1].plan, started_at=NOW)
    store.update(runs=(ended_run("run-2"), ended_run("run-1")), run=active)
    document = json.loads(face()("/api/v1/runs").body)
    assert document["active"]["runId"] == "run-3"
    assert [each["runId"] for each in document["runs"]] == ["run-2", "run-1"]


@pytest.mark.parametrize("path", ["/api/v1/plan", "/api/v1/status"])
def test_api_responds_with_503_and_names_the_readiness_probe_before_the_first_plan(
    face, store, path
):
    store.update(plan=None)
    answer = face()(path)
    assert answer.status == 503
    assert "/readyz" in answer.text


def test_api_responds_with_404_for_an_unknown_run(face):
    assert face()("/api/v1/runs/other").status == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/vm/default/a", "<p>VirtualMachine default/a"),
        ("/reasons/hotplug", "<p>hotplug"),
        ("/metrics", "version 0.1.0\n"),
        ("/static/page.css", "a { color: red }"),
        ("/healthz", "ok\n"),
        ("/readyz", "ready\n"),
    ],
)
def test_status_page_server_serves_each_path(face, path, body):
    answer = face()(path)
    assert (answer.status, answer.text) == (200, body)


@pytest.mark.parametrize(
    "path",
    [
        *("/vm/default", "/static/other.css", "/other"),
        *("/api", "/api/v1/plan/", "/static/../metrics", "//metrics", "/hooks/github", "/docs"),
    ],
)
def test_request_for_an_unknown_path_of_the_status_page_server_gets_404_as_plain_text(face, path):
    answer = face()(path)
    assert (answer.status, answer.text) == (404, "Not Found")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/vm/default/b", "/reasons/other"])
def test_status_page_of_an_unknown_vm_or_reason_gets_404_and_an_html_page(face, path):
    answer = face()(path)
    assert (answer.status, answer.text) == (404, f"<p>no page {path}")
    assert answer.headers["content-type"].startswith("text/html")


PATHS = ("/", "/vm/default/a", "/api/v1/plan", "/api/v1/runs", "/metrics", "/healthz", "/events")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_status_page_server_rejects_methods_other_than_get_and_head_with_405(face, path, method):
    answer = face()(path, method=method, body=b"{}")
    assert (answer.status, answer.text) == (405, "Method Not Allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", PATHS)
def test_head_request_to_the_status_page_server_gets_the_same_headers_without_a_body(face, path):
    answer = face()(path, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_status_page_applies_the_filters_in_the_query_of_its_url(face):
    assert "[('effect', 'live'), ('ns', 'b')]" in face()("/?effect=live&ns=b").text


def test_status_page_is_rendered_once_for_each_state_and_query(store, face):
    rendered = []

    def page(view, query, view_id):
        rendered.append(query)
        return "page"

    ask_face = face(replace(CONTENT, page=page))
    for path in ("/", "/", "/?a=1", "/"):
        ask_face(path)
    assert rendered == [{}, {"a": "1"}]
    store.update(version="0.2.0")
    ask_face("/")
    assert rendered == [{}, {"a": "1"}, {}]


@pytest.mark.parametrize("path", ["/", "/api/v1/plan", "/static/page.css"])
def test_document_that_the_client_has_cached_is_not_sent_again(store, face, path):
    ask_face = face()
    first = ask_face(path)
    tag = first.headers["etag"]
    again = ask_face(path, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status, again.body) == (304, b"")
    changed = ask_face(path, headers={"If-None-Match": '"other"'})
    assert changed.body == first.body


def test_changed_plan_is_sent_to_a_client_that_has_cached_the_older_plan(store, face):
    ask_face = face()
    tag = ask_face("/api/v1/plan").headers["etag"]
    store.update(plan=planned_view("3Gi").plan)
    again = ask_face("/api/v1/plan", headers={"If-None-Match": tag})
    assert again.status == 200
    assert "3Gi" in again.text


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        *(("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("GZIP", True)),
        *(("", False), ("br", False), ("gzip;q=0", False), ("gzip; q=0.0, br", False)),
    ],
)
def test_large_document_is_compressed_if_the_client_accepts_it(face, accepted, compressed):
    ask_face = face()
    plain = ask_face("/")
    answer = ask_face("/", headers={"Accept-Encoding": accepted})
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["etag"] == plain.headers["etag"]
    if compressed:
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(answer.body) == plain.body
        assert len(answer.body) < len(plain.body) / 2
    else:
        assert answer.body == plain.body


def test_readiness_probe_says_what_the_process_waits_for_and_since_when(store, face):
    ask_face = face()
    store.update(waits=(Wait(kind=WaitKind.CLUSTER, since=NOW, message="connection refused"),))
    answer = ask_face("/readyz")
    assert answer.status == 503
    assert answer.text == (
        "not ready\nwaiting for cluster since 2026-11-23T12:00:00Z: connection refused\n"
    )


@pytest.mark.parametrize(("lasts_s", "status"), [(14, 200), (15, 503)])
def test_readiness_probe_fails_during_an_outage_that_the_status_pages_do_not_show_yet(
    face, lasts_s, status
):
    def outage():
        error = UnreachableError("no answer from the API server within 5 s")
        return outage_shown((NOW, error), NOW + timedelta(seconds=lasts_s))

    answer = face(outage=outage)("/readyz")
    assert answer.status == status
    assert ("cluster since 2026-11-23T12:00:00Z: no answer" in answer.text) == (status == 503)


def test_readiness_probe_of_a_standby_replica_succeeds_and_says_what_it_waits_for(store, face):
    store.update(
        waits=(Wait(kind=WaitKind.LEADERSHIP, since=NOW, message="serve-1 is the leader"),)
    )
    answer = face()("/readyz")
    assert answer.status == 200
    assert "serve-1 is the leader" in answer.text


def test_liveness_probe_fails_with_the_problem_that_the_serve_process_reports(face):
    answer = face(problem=lambda: "the loop has ended")("/healthz")
    assert (answer.status, answer.text) == (503, "the loop has ended\n")


@pytest.mark.parametrize("path", ["/", "/api/v1/plan", "/healthz", "/other", "/metrics"])
def test_each_status_page_response_has_a_strict_content_security_policy(face, path):
    headers = face()(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any(each in policy for each in ("unsafe", "http:", "https:", "*"))
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("127.0.0.1:8080", 200), ("localhost", 200), ("LOCALHOST:80", 200), ("[::1]:80", 200)),
        *(("10.1.2.3", 200), ("reconciler.example.org", 200), ("a.b.corp.example", 200)),
        *(("reconciler.example.org.:80", 200), ("corp.example", 421), ("xcorp.example", 421)),
        *(("attacker.example", 421), ("localhost.attacker.example", 421), ("", 421)),
        *(("127.0.0.1.attacker.example", 421), ("reconciler.example.org.evil", 421)),
        *(("127.1", 421), ("a b", 421)),
    ],
)
def test_status_page_request_with_an_unknown_host_name_is_rejected(face, host, status):
    ask_face = face(hosts=("Reconciler.example.org", "*.corp.example"))
    assert ask_face("/healthz", headers={"Host": host}).status == status


def test_status_page_requests_can_have_any_host_name_if_the_user_allows_all_host_names(face):
    ask_face = face(hosts=("*",))
    assert ask_face("/healthz", headers={"Host": "any.example"}).status == 200


def test_status_page_request_with_too_many_headers_is_rejected(face):
    headers = {f"X-{number}": "a" for number in range(120)}
    assert face()("/healthz", headers=headers).status == 431


def test_exception_while_rendering_a_page_is_logged_but_not_shown_to_the_client(face, caplog):
    def page(view, query, view_id):
        raise ValueError("a secret of the program")

    answer = face(replace(CONTENT, page=page))("/")
    assert answer.status == 500
    assert "secret" not in answer.text
    assert "a secret of the program" in caplog.text


def _open(connection, headers: str = "", path: str = "/events") -> None:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())


def test_event_stream_sends_the_whole_state_first_and_then_each_change(store, served):
    address = served(streams=StreamLimits(interval_s=0.0))
    with connect(address) as client:
        _open(client)
        first = read_until(client, b"id: ")
        assert b"content-type: text/event-stream" in first
        assert b"data: None 0.1.0\n\n" in first
        read_until(client, b"\n\n")
        store.update(version="0.2.0")
        assert b"data: 0.1.0 0.2.0\n\n" in read_until(client, b"id: ")


def test_event_stream_sends_a_slow_client_all_changes_in_one_event(store, served):
    address = served(streams=StreamLimits(interval_s=0.0))
    with connect(address) as client:
        _open(client)
        read_until(client, b"id: ")
        for number in range(2_000):
            store.update(version=f"1.{number}")
        received = read_until(client, b" 1.1999\n\n")
    assert received.count(b"event: mode") < 2_000


def test_reconnected_event_stream_sends_nothing_if_the_state_is_unchanged(store, served):
    address = served(streams=StreamLimits(interval_s=0.0, heartbeat_s=0.05))
    with connect(address) as client:
        _open(client)
        read_until(client, b"id: ")
        last_id = read_until(client, b"\n\n").partition(b"\n")[0].decode()
    for headers, path in (
        (f"Last-Event-ID: {last_id}\r\n", "/events"),
        ("", f"/events?since={last_id}"),
    ):
        with connect(address) as client:
            _open(client, headers, path)
            assert b"event: mode" not in read_until(client, b": still connected")


def test_reconnected_event_stream_sends_the_whole_state_if_the_state_has_changed(store, served):
    address = served()
    with connect(address) as client:
        _open(client, "Last-Event-ID: 1.000-1\r\n")
        assert b"data: None 0.1.0\n\n" in read_until(client, b"id: ")


def test_status_page_contains_the_id_with_which_its_event_stream_starts(store, served):
    address = served(streams=StreamLimits(heartbeat_s=0.05))
    view_id = request(address, "/").text.split()[2]
    with connect(address) as client:
        _open(client, path=f"/events?since={view_id}")
        assert b"event: mode" not in read_until(client, b": still connected")


def test_event_stream_beyond_the_maximum_number_of_streams_is_rejected_with_status_503(
    store, served
):
    address = served(streams=StreamLimits(clients=1, interval_s=0.0))
    with connect(address) as client:
        _open(client)
        read_until(client, b"id: ")
        answer = request(address, "/events")
        assert answer.status == 503
        assert "retry-after" in answer.headers


def test_simultaneous_event_streams_never_exceed_the_limit(store):
    streams = EventStreams(store, _events, RenderCache(), StreamLimits(clients=2))
    scope = {"type": "http", "method": "GET", "headers": [], "query_string": b""}

    async def gone():
        return {"type": "http.disconnect"}

    async def broken(_message):
        raise OSError("the connection is closed")

    async def opened(count):
        return [await streams.endpoint(Request(scope)) for _ in range(count)]

    async def statuses():
        first = await opened(4)
        for each in first[:2]:
            with suppress(OSError, BaseExceptionGroup):
                await each(scope, gone, broken)
        return [each.status_code for each in (*first, *await opened(3))]

    assert asyncio.run(statuses()) == [200, 200, 503, 503, 200, 200, 503]


def test_event_stream_starts_with_an_event_and_each_event_contains_data(store, served):
    with connect(served()) as client:
        _open(client)
        received = read_until(client, b"id: ") + read_until(client, b"\n\n")
    _, _, body = received.partition(b"\r\n\r\n")
    assert b"event: hello\ndata: " in body
    assert b"\nevent: view\ndata: " in body


def test_event_stream_of_a_disconnected_client_no_longer_counts_toward_the_limit(store, served):
    address = served(streams=StreamLimits(clients=1, interval_s=0.0))
    with connect(address) as client:
        _open(client)
        read_until(client, b"id: ")
    while request(address, "/events", method="GET").status == 503 if _full(address) else False:
        store.update(version="0.3.0")
    assert not _full(address)


def _full(address) -> bool:
    with connect(address) as client:
        _open(client, "Connection: close\r\n")
        return b" 503 " in read_until(client, b"\r\n")


def test_state_store_is_usable_after_a_server_with_open_event_streams_has_stopped(store):
    app = face_app(store, CONTENT, FaceOptions())
    with HttpServer(Listener(option="--listen", address=ANY_PORT, app=app)) as server:
        with connect(server.addresses[0]) as client:
            _open(client)
            read_until(client, b"id: ")
            server.stop()
            read_to_end(client)
        store.update(version="0.2.0")
    assert store.read()[1].version == "0.2.0"


def test_api_returns_an_empty_list_of_runs_before_the_first_run(face, store):
    store.update(runs=())
    document = json.loads(face()("/api/v1/runs").body)
    assert document["runs"] == []
    assert document["instance"] == make_view().instance


def test_status_page_request_with_too_large_headers_is_rejected(face):
    assert face()("/healthz", headers={"X-Large": "a" * 33_000}).status == 431


def test_event_stream_sends_at_most_one_event_per_interval(store):
    app = face_app(store, CONTENT, FaceOptions(streams=StreamLimits(interval_s=3_600.0)))
    listener = Listener(option="--listen", address=ANY_PORT, app=app)
    with HttpServer(listener) as server, connect(server.addresses[0]) as client:
        _open(client)
        read_until(client, b"id: ")
        store.update(version="0.2.0")
        read_until(client, b"data: 0.1.0 0.2.0\n\nid: ")
        store.update(version="0.3.0")
        server.stop()
        assert b"event: mode" not in read_to_end(client)
