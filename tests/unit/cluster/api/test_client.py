"""Tests the API client: its requests, its retries and its errors."""

from __future__ import annotations

import re
import threading

import pytest

from reconciler.cluster.api.transport import Transport
from reconciler.errors import (
    ConflictError,
    ExpiredError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    UnauthorizedError,
    UnavailableError,
    UnreachableError,
)

VMS = "/apis/kubevirt.io/v1/virtualmachines"
PG0 = "/apis/kubevirt.io/v1/namespaces/db/virtualmachines/pg-0"


def test_patch_without_operations_is_sent_as_a_json_patch(server, client, reply):
    server.on(PG0, reply(200, {}))
    client.patch(PG0, [])
    assert server.requests[0].headers["Content-Type"] == "application/json-patch+json"
    assert server.requests[0].body == []


def test_null_value_in_a_patch_is_sent(server, client, reply):
    server.on(PG0, reply(200, {}))
    client.patch(PG0, [{"op": "add", "path": "/a", "value": None}])
    assert server.requests[0].body == [{"op": "add", "path": "/a", "value": None}]


def test_read_request_is_retried_while_the_api_server_is_unavailable(
    server, client, clock, failure, reply
):
    server.on(VMS, failure(503, "apiserver not ready"), reply(cut=True), reply(200, "{}"))
    assert client.get(VMS) == b"{}"
    assert [each.method for each in server.requests] == ["GET"] * 3
    assert 0 < clock.elapsed < 5


def test_read_request_is_retried_after_the_time_in_the_retry_after_header(
    server, client, clock, reply
):
    busy = reply(429, "", (("Retry-After", "7"),))
    server.on(VMS, busy, reply(200, "{}"))
    client.get(VMS)
    assert clock.elapsed >= 7


def test_read_request_fails_immediately_if_retry_after_exceeds_the_retry_limit(
    server, client, clock, reply
):
    server.on(VMS, reply(429, "", (("Retry-After", "3600"),)))
    with pytest.raises(UnavailableError, match="retry after 3600 s") as caught:
        client.get(VMS)
    assert caught.value.retry_after_s == 3600
    assert clock.elapsed == 0


def test_number_of_retries_of_a_read_request_is_limited(server, client, failure):
    server.on(VMS, failure(500, "etcd is gone"))
    with pytest.raises(UnavailableError, match="500: etcd is gone"):
        client.get(VMS)
    assert len(server.requests) == 4


@pytest.mark.parametrize("method", ["PATCH", "POST", "PUT", "DELETE"])
def test_write_request_is_not_retried(server, client, failure, method):
    server.on(PG0, failure(503, "not ready"))
    with pytest.raises(UnavailableError):
        client.send(method, PG0, body=[] if method == "PATCH" else {"a": 1})
    assert len(server.requests) == 1


def test_write_request_is_not_retried_after_a_broken_connection(server, client, reply):
    server.on(PG0, reply(cut=True))
    with pytest.raises(UnreachableError):
        client.patch(PG0, [])
    assert len(server.requests) == 1


def test_client_without_retries_sends_a_read_request_only_once(server, client, failure):
    server.on(VMS, failure(503, "not ready"))
    with pytest.raises(UnavailableError):
        client.without_retries().get(VMS)
    assert len(server.requests) == 1


FAILURES = [
    (401, "Unauthorized", UnauthorizedError, "the server rejected the credentials"),
    (
        403,
        'User "u" cannot list resource',
        ForbiddenError,
        'permission denied: User "u" cannot list',
    ),
    (
        403,
        "vm is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
        RejectedError,
        "denied by an admission policy: vm is forbidden",
    ),
    (404, 'virtualmachines "pg-0" not found', NotFoundError, "not found (404)"),
    (409, "the object has been modified", ConflictError, "has been modified (409)"),
    (410, "too old resource version", ExpiredError, "too old resource version (410)"),
    (415, "unknown format", RejectedError, "unknown format (415)"),
    (422, "is invalid", RejectedError, "is invalid (422)"),
    (429, "too many requests", UnavailableError, "the server returned 429: too many requests"),
    (503, "not ready", UnavailableError, "the server returned 503: not ready"),
]


@pytest.mark.parametrize(("code", "said", "kind", "sentence"), FAILURES)
def test_error_response_is_reported_in_one_sentence(
    server, client, failure, code, said, kind, sentence
):
    server.on(PG0, failure(code, said))
    with pytest.raises(kind) as caught:
        client.send("GET", PG0)
    text = str(caught.value)
    assert sentence in text
    assert f"cannot read virtualmachines db/pg-0 at 127.0.0.1:{server.port}" in text
    assert "\n" not in text
    assert caught.value.status == code


def test_error_body_that_is_not_a_kubernetes_status_is_not_quoted(server, client, reply):
    server.on(PG0, reply(403, "<html>secret of a proxy</html>"))
    with pytest.raises(ForbiddenError) as caught:
        client.send("GET", PG0)
    assert str(caught.value).endswith("permission denied: Forbidden")


def test_long_server_message_is_truncated(server, client, failure):
    server.on(PG0, failure(422, "x" * 1000))
    with pytest.raises(RejectedError) as caught:
        client.send("GET", PG0)
    assert len(re.search("x+…", str(caught.value))[0]) == 256


def test_object_quoted_in_a_server_message_is_removed_from_the_error(server, client, failure):
    quoted = '" " is invalid: patch: Invalid value: "{\\"userData\\":\\"hunter2\\"}": strict'
    server.on(PG0, failure(422, quoted + ' decoding error: unknown field "gueest"'))
    with pytest.raises(RejectedError) as caught:
        client.send("GET", PG0)
    assert "hunter2" not in str(caught.value)
    assert 'unknown field "gueest"' in str(caught.value)


def test_refused_connection_is_reported_in_one_sentence(make_client):
    client = make_client("http://127.0.0.1:1").without_retries()
    with pytest.raises(UnreachableError, match=r"at 127.0.0.1:1: connection refused$") as caught:
        client.get(VMS)
    assert caught.value.hint


def test_unknown_host_is_reported_in_one_sentence(make_client):
    client = make_client("http://no-such-host.invalid").without_retries()
    with pytest.raises(UnreachableError, match=r"no-such-host.invalid: unknown host name"):
        client.get(VMS)


def test_tls_failure_is_reported_in_one_sentence(server, make_client):
    client = make_client(f"https://127.0.0.1:{server.port}").without_retries()
    with pytest.raises(UnreachableError, match=r"the TLS handshake failed$"):
        client.get(VMS)


def test_response_timeout_is_reported_in_one_sentence(server, make_client, reply):
    released = threading.Event()

    def hang():
        yield b"{"
        released.wait(5)

    server.on(VMS, reply(chunks=hang()))
    client = make_client(request_timeout_s=0.2).without_retries()
    with pytest.raises(UnreachableError, match=r"no response within the timeout$"):
        client.get(VMS)
    released.set()


def test_duplicate_and_empty_warnings_in_a_response_are_removed(server, client, reply):
    headers = (
        ("Warning", '299 - "unknown field \\"spec.nope\\""'),
        ("Warning", '299 - "b", 299 - "c"'),
        ("Warning", '299 - ""'),
        ("Warning", '299 - "b"'),
    )
    server.on(PG0, reply(200, {}, headers))
    assert client.patch(PG0, []).warnings == ('unknown field "spec.nope"', "b", "c")


def test_client_near_its_deadline_sends_each_read_request_only_once_with_a_shorter_timeout(
    server, client, clock, failure, monkeypatch
):
    server.on(VMS, failure(503, "not now"))
    seen = []
    sent = Transport.exchange

    def watched(self, request, timeout_s):
        seen.append(timeout_s)
        return sent(self, request, timeout_s)

    monkeypatch.setattr(Transport, "exchange", watched)
    client.hurry(8.0)
    for passed_s in (0.0, 4.0, 3.0, 9.0):
        clock.elapsed += passed_s
        with pytest.raises(UnavailableError):
            client.without_retries().get(VMS)
    assert seen == [5.0, 4.0, 1.0, 0.2]
    assert len(server.requests) == 4


def test_client_near_its_deadline_does_not_retry_write_requests(server, client, reply):
    server.on(VMS, reply(429, "", (("Retry-After", "1"),)))
    client.hurry(8.0)
    with pytest.raises(UnavailableError):
        client.send("PUT", VMS, body={}, timeout_s=0.5)
    assert len(server.requests) == 1


class TestStreamedRead:
    def test_response_chunk_is_returned_before_later_chunks_arrive(self, server, client, harness):
        taken = threading.Event()

        def chunks():
            yield b"first"
            assert taken.wait(10)
            yield b"last"

        def take(coming):
            first = next(coming)
            taken.set()
            return [first, *coming]

        server.on(VMS, harness.Reply(chunks=chunks()))
        assert client.read(VMS, take) == [b"first", b"last"]

    def test_request_is_repeated_if_the_response_body_is_interrupted(self, server, client, reply):
        server.on(VMS, reply(cut=True), reply(200, "whole"))
        assert client.read(VMS, b"".join) == b"whole"
        assert len(server.requests) == 2

    def test_http_error_status_is_raised_before_the_response_body_is_read(
        self, server, client, failure
    ):
        server.on(VMS, failure(403, "cannot list pods", "Forbidden"))
        with pytest.raises(ForbiddenError):
            client.read(VMS, lambda _coming: pytest.fail("there is nothing to take"))
