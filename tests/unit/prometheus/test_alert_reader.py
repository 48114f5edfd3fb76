"""Tests how alerts are read from Prometheus, and which responses are errors."""

from __future__ import annotations

import json
from base64 import b64encode
from functools import partial
from typing import TYPE_CHECKING

import pytest
from support.fake_ports import FakeClock
from support.git_servers.certificates import Authority
from support.servers.fake_prometheus import FakePrometheus
from support.tools.installed import tool

from reconciler.errors import UsageError
from reconciler.model.alerts.alert_matcher import AlertMatcher
from reconciler.prometheus.alert_query import AnswerError, firing_alerts, query_of
from reconciler.prometheus.alert_reader import (
    AlertReader,
    AlertsUnreadableError,
    NoPrometheusUrlError,
)
from reconciler.prometheus.mounted_access import read_access

if TYPE_CHECKING:
    from pathlib import Path

CEPH = AlertMatcher.parse("CephHealthError")
TOKEN = "alert-token-1234567890"
QUERIES = {
    "CephHealthError": 'ALERTS{alertstate="firing",alertname="CephHealthError"}',
    'X{severity=~"critical|warning",team!="web"}': (
        'ALERTS{alertstate="firing",alertname="X",severity=~"critical|warning",team!="web"}'
    ),
    '{a=`\\d+"`}': 'ALERTS{alertstate="firing",a="\\\\d+\\""}',
    "{a='\"} or vector(1) #'}": 'ALERTS{alertstate="firing",a="\\"} or vector(1) #"}',
    '{a="x\\ny"}': 'ALERTS{alertstate="firing",a="x\\ny"}',
}


@pytest.fixture(autouse=True)
def _no_proxies_of_the_machine(monkeypatch):
    for name in ("all_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server():
    with FakePrometheus() as found:
        yield found


def reader(url: str | None, folder: Path | None = None) -> AlertReader:
    return AlertReader(partial(read_access, url, folder), FakeClock())


def secret(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("text", QUERIES)
def test_prometheus_query_contains_only_the_conditions_of_the_alert_matcher(text):
    assert query_of(AlertMatcher.parse(text)) == QUERIES[text]


def test_firing_alerts_are_read_from_prometheus_with_their_labels(server):
    server.fire("CephHealthError", severity="critical", cluster="a")
    other = AlertMatcher.parse("KubeVirtDown")
    found = reader(f"{server.url}/prometheus/").firing((CEPH, other, CEPH))
    assert found == ('CephHealthError{cluster="a", severity="critical"}',)
    assert server.requests[0].path == "/prometheus/api/v1/query"
    assert server.queries == [query_of(each) for each in (CEPH, other, CEPH)]


ERROR = {"status": "error", "errorType": "bad_data", "error": "missing argument to repetition"}
EMPTY = {"resultType": "vector", "result": []}
UNREADABLE = {
    "an error": (400, ERROR, "returned status 400: missing argument to repetition"),
    "a missing permission": (
        403,
        {},
        "returned status 403: the response contains no error message",
    ),
    "a redirect": (302, {}, "returned status 302"),
    "an error with status 200": (200, ERROR, ": missing argument to repetition"),
    "another JSON document": (200, {"data": 3}, "is not a Prometheus query result"),
    "no result": (200, {"status": "success"}, "the response contains no result"),
    "another result": (
        200,
        {"status": "success", "data": {"resultType": "scalar", "result": []}},
        "the response is not a list of alerts",
    ),
    "a partial answer of a federation": (
        200,
        {"status": "success", "data": EMPTY, "warnings": ["store a is unavailable"]},
        "the response is incomplete: store a is unavailable",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_prometheus_response_without_a_list_of_alerts_is_an_error(case, server):
    server.status, server.body, expected = UNREADABLE[case]
    with pytest.raises(AlertsUnreadableError, match=expected):
        reader(server.url).firing((CEPH,))


def test_unreachable_prometheus_is_an_error(server):
    with pytest.raises(
        AlertsUnreadableError, match=r"no response \(NewConnectionError\)"
    ) as caught:
        reader("http://127.0.0.1:1").firing((CEPH,))
    assert "check --prometheus-url" in caught.value.hint


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"\xff", b"{}", b'{"data": {"result": [{"metric": {"a": 1}}]}}', b"[" * 10**5],
)
def test_prometheus_response_that_is_not_a_query_result_is_rejected(body):
    with pytest.raises(AnswerError):
        firing_alerts(body)


def test_alert_with_control_characters_is_shown_without_them():
    metric = {"alertname": "A\x1b[31m", "b": 'c"\n' + "d" * 1000}
    data = {"resultType": "vector", "result": [{"metric": metric, "value": [1, "1"]}]}
    (found,) = firing_alerts(json.dumps({"status": "success", "data": data}).encode())
    assert found.startswith('A\\x1b[31m{b="c\\"\\nddd')
    assert len(found) <= 310


@pytest.mark.parametrize(
    ("files", "header"),
    [
        ({"bearerToken": f"{TOKEN}\n"}, f"Bearer {TOKEN}"),
        ({"token": TOKEN}, f"Bearer {TOKEN}"),
        (
            {"username": "bot", "password": "pass word\n"},
            f"Basic {b64encode(b'bot:pass word').decode()}",
        ),
    ],
)
def test_prometheus_credentials_are_read_again_for_each_query(files, header, server, tmp_path):
    found = reader(server.url, secret(tmp_path))
    found.firing((CEPH,))
    secret(tmp_path, **files)
    found.firing((CEPH,))
    assert [each.headers.get("authorization") for each in server.requests] == [None, header]


def test_prometheus_url_is_read_from_the_credentials_directory_if_no_option_sets_it(
    server, tmp_path
):
    reader(None, secret(tmp_path, url=server.url)).firing((CEPH,))
    assert len(server.requests) == 1
    (tmp_path / "url").unlink()
    assert read_access(None, tmp_path) is None
    with pytest.raises(NoPrometheusUrlError, match="the URL of Prometheus is not set"):
        reader(None, tmp_path).firing((CEPH,))


def test_certificate_authority_is_read_from_the_prometheus_credentials_directory(tmp_path):
    authority = Authority.create(str(tool("openssl")), tmp_path / "ca")
    with FakePrometheus(tls=authority.context()) as server:
        folder = tmp_path / "secret"
        folder.mkdir()
        with pytest.raises(AlertsUnreadableError, match=r"no response \(SSLError\)"):
            reader(server.url, folder).firing((CEPH,))
        secret(folder, ca_crt=authority.certificate.read_text(), token=TOKEN)
        assert reader(server.url, folder).firing((CEPH,)) == ()


@pytest.mark.parametrize(
    ("url", "files", "message"),
    [
        ("https://bot:secret@host", {}, "contains credentials"),
        ("ftp://host", {}, "not a valid http or https URL"),
        ("https://host/?token=secret", {}, "not a valid http or https URL"),
        ("https://", {}, "not a valid http or https URL"),
        ("https://host:port", {}, "not a valid http or https URL"),
        ("http://prometheus.monitoring", {"token": "secret"}, "without encryption"),
        ("https://host", {"token": "secret", "password": "secret"}, "are ambiguous"),
        ("https://host", {"token": "secret\nsecret"}, "is not one line of text"),
        ("https://host", {"token": ""}, "is not one line of text"),
        ("https://host", {"token": "sécret"}, "contains non-ASCII characters"),
        (None, {"url": "https://bot:secret@host"}, "contains credentials"),
    ],
)
def test_error_about_an_unusable_prometheus_url_or_credential_does_not_quote_the_value(
    url, files, message, tmp_path
):
    with pytest.raises(UsageError, match=message) as caught:
        read_access(url, secret(tmp_path, **files))
    assert "cret" not in f"{caught.value} {caught.value.hint}".replace("Secret", "")


def test_missing_prometheus_credentials_directory_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        read_access("https://host", tmp_path / "missing")
