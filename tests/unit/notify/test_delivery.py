"""Tests one attempt to send a notification: the request, the response and the secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.fake_ports import FakeClock
from support.servers.fake_server import FakeServer

from reconciler.model.service.receiver import Receiver, ReceiverKind
from reconciler.notify.delivery import Attempt, attempt
from reconciler.notify.receiver_access import ReceiverError, read_access

SECRET = "T0SECRET9"
WEBHOOK, SLACK, ALERTMANAGER = ReceiverKind
BODY = {"text": "hello"}


@pytest.fixture(autouse=True)
def _no_proxies_of_the_machine(monkeypatch):
    for name in ("all_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server():
    with FakeServer() as found:
        yield found


def receiver(kind=WEBHOOK, **fields) -> Receiver:
    return Receiver(name="ops", kind=kind, **fields)


def sent(found: Receiver) -> Attempt:
    return attempt(found, BODY, FakeClock(), key="0123456789abcdef")


def test_notification_is_sent_as_json_with_its_identifier(server):
    assert sent(receiver(url=f"{server.url}/a?b=c")) == Attempt(sent=True)
    (request,) = server.requests
    assert (request.line, request.query, request.body) == ("POST /a", {"b": "c"}, BODY)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == "0123456789abcdef"


def test_receiver_url_and_headers_are_read_from_files_before_each_notification(server, tmp_path):
    (tmp_path / "url").write_text(f"{server.url}/{SECRET}\n", encoding="utf-8")
    headers = tmp_path / "headers"
    found = receiver(SLACK, url_file=str(tmp_path / "url"), headers_file=str(headers))
    for token in ("first", "second"):
        headers.write_text(f"Authorization: Bearer {token}\n\nX-Team: infra\n", encoding="utf-8")
        assert sent(found).sent
    assert [each.headers["authorization"] for each in server.requests] == [
        "Bearer first",
        "Bearer second",
    ]
    assert server.requests[0].path == f"/{SECRET}"


def test_alertmanager_notification_is_sent_to_the_alerts_api_of_alertmanager(server):
    for url in (server.url, f"{server.url}/", f"{server.url}/api/v2/alerts"):
        assert sent(receiver(ALERTMANAGER, url=url)).sent
    assert {each.line for each in server.requests} == {"POST /api/v2/alerts"}


ANSWERS = {
    (204, WEBHOOK): (True, False),
    (302, WEBHOOK): (False, False),
    (400, WEBHOOK): (False, False),
    (404, SLACK): (False, False),
    (429, SLACK): (False, True),
    (429, WEBHOOK): (False, True),
    (500, WEBHOOK): (False, True),
    (500, ALERTMANAGER): (False, True),
    (500, SLACK): (False, False),
    (503, SLACK): (False, True),
}


@pytest.mark.parametrize(("status", "kind"), ANSWERS)
def test_response_of_a_receiver_decides_whether_the_notification_is_retried(status, kind, server):
    server.answer = lambda _request: (status, {"Location": "http://127.0.0.1:1/"}, None)
    found = sent(receiver(kind, url=server.url))
    assert (found.sent, found.repeat) == ANSWERS[status, kind]
    assert found.problem == ("" if found.sent else f"the receiver returned status {status}")


@pytest.mark.parametrize(("text", "wait_s"), [("7", 7.0), ("9999999", 600.0), ("soon", 0.0)])
def test_pause_that_a_notification_receiver_requests_has_an_upper_limit(text, wait_s, server):
    server.answer = lambda _request: (429, {"Retry-After": text}, None)
    assert sent(receiver(url=server.url)).wait_s == wait_s


def test_large_response_of_a_notification_receiver_is_ignored(server):
    server.answer = lambda _request: (200, {}, ["x" * 1_000_000])
    assert sent(receiver(url=server.url)).sent


def test_notification_to_an_unreachable_chat_service_is_retried():
    for kind in ReceiverKind:
        found = sent(receiver(kind, url="http://127.0.0.1:1/"))
        assert (found.repeat, found.problem) == (
            True,
            "the request failed: no response (NewConnectionError)",
        )


def test_notification_is_retried_if_the_file_with_the_receiver_url_is_missing(tmp_path):
    found = sent(receiver(url_file=str(tmp_path / "missing")))
    assert (found.sent, found.repeat) == (False, True)
    assert found.problem.endswith("missing cannot be read: No such file or directory")


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (SLACK, f"hooks.slack.com/{SECRET}"),
        (SLACK, f"ftp://host/{SECRET}"),
        (SLACK, f"https://bot:{SECRET}@host/"),
        (SLACK, f"https://host/{SECRET}#x"),
        (SLACK, f"https://host/{SECRET} x"),
        (SLACK, f"https://host/{SECRET}\r\nX: y"),
        (SLACK, f"https://host:port/{SECRET}"),
        (ALERTMANAGER, f"https://host/?token={SECRET}"),
    ],
)
def test_error_about_an_unusable_receiver_url_does_not_contain_the_url(kind, url, tmp_path):
    (tmp_path / "url").write_text(url, encoding="utf-8")
    for found in (receiver(kind, url=url), receiver(kind, url_file=str(tmp_path / "url"))):
        with pytest.raises(ReceiverError) as caught:
            read_access(found)
        assert SECRET not in str(caught.value)
        assert SECRET not in sent(found).problem


@pytest.mark.parametrize(
    "line", [f"Authorization {SECRET}", f": {SECRET}", f"Host: {SECRET}", f"X: {SECRET}\x01"]
)
def test_error_about_an_unusable_receiver_header_does_not_contain_the_header(
    line, server, tmp_path
):
    (tmp_path / "headers").write_text(f"X-Team: infra\n{line}\n", encoding="utf-8")
    found = sent(receiver(url=server.url, headers_file=str(tmp_path / "headers")))
    assert found.problem.endswith(
        "does not have the form `Name: value`, or sets a header that reconciler itself sets"
    )
    assert "line 2 of" in found.problem
    assert SECRET not in found.problem
    assert server.requests == []


def test_error_about_invalid_ca_certificates_names_the_notification_receiver(tmp_path):
    (tmp_path / "ca.crt").write_text("no certificate", encoding="utf-8")
    found = receiver(url=f"https://127.0.0.1/{SECRET}", ca_file=str(tmp_path / "ca.crt"))
    problem = sent(found).problem
    assert problem.startswith(
        "cannot read the CA certificates for the notification receiver ops from "
    )
    assert SECRET not in problem


def test_string_representation_of_receiver_access_does_not_contain_the_receiver_url():
    found = read_access(replace(receiver(), url=f"https://host/{SECRET}"))
    assert SECRET not in repr(found)
