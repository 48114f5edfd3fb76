"""Tests the timeouts of API requests, and the Date header of responses."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from reconciler.cluster.api.transport import Request, Transport
from reconciler.errors import UnreachableError

DATE = "Mon, 23 Nov 2026 00:10:00 GMT"


class Response:
    status, reason = 200, "OK"

    def __init__(self, date: str | None) -> None:
        headers = {"Date": date}
        self.headers = SimpleNamespace(get=headers.get, getlist=lambda _name: [])

    def read1(self, _amount, **_options) -> bytes:
        return b""

    def release_conn(self) -> None:
        """Do nothing, because the test opens no connection."""


class Api:
    """Replaces the ApiClient of the ``kubernetes`` library and records the timeouts."""

    def __init__(self, date: str | None) -> None:
        self.configuration = SimpleNamespace(host="http://here")
        self.user_agent = ""
        self.waits = []
        self._date = date

    def param_serialize(self, *_request, **_rest):
        return ()

    def call_api(self, *, _request_timeout):
        self.waits.append(_request_timeout)
        return SimpleNamespace(response=Response(self._date))


class Ear:
    def __init__(self) -> None:
        self.dates = []

    def monotonic(self) -> float:
        return 7.0

    def adjust(self, date, *, asked_at, server) -> None:
        self.dates.append((date, asked_at, server))


@pytest.mark.parametrize(
    ("timeout_s", "connect_s"), [(0.3, 0.1), (3.0, 1.0), (30.0, 10.0), (90.0, 10.0)]
)
def test_connection_timeout_is_a_third_of_the_request_timeout_and_at_most_ten_seconds(
    timeout_s, connect_s
):
    api = Api(None)
    transport = Transport(api, timeout_s=20.0)
    transport.exchange(Request("GET", "/api"), timeout_s)
    assert api.waits == [(pytest.approx(connect_s), timeout_s)]


def test_watch_request_can_last_for_its_whole_timeout():
    api = Api(None)
    Transport(api, timeout_s=20.0).open(Request("WATCH", "/api"), 75.0)
    assert api.waits == [(10.0, 75.0)]


@pytest.mark.parametrize("method", ["GET", "WATCH", "PATCH"])
def test_date_header_of_a_response_is_passed_to_the_clock(method):
    ear = Ear()
    Transport(Api(DATE), timeout_s=20.0, timekeeper=ear).open(Request(method, "/api", body=[]))
    assert ear.dates == [(datetime(2026, 11, 23, 0, 10, tzinfo=UTC), 7.0, "here")]


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Nov 2026 00:10:00 GMT"])
def test_response_without_a_valid_date_header_is_accepted(date):
    ear = Ear()
    Transport(Api(date), timeout_s=20.0, timekeeper=ear).exchange(Request("GET", "/api"))
    assert ear.dates == []


@pytest.mark.parametrize(
    ("method", "path", "verb"),
    [
        ("GET", "/apis/kubevirt.io/v1/virtualmachines", "list"),
        ("GET", "/apis/kubevirt.io/v1/namespaces/db/virtualmachines", "list"),
        ("GET", "/apis/kubevirt.io/v1/namespaces/db/virtualmachines/pg-0", "get"),
        ("GET", "/api/v1/namespaces/kube-system", "get"),
        ("GET", "/api/v1/nodes", "list"),
        ("WATCH", "/apis/kubevirt.io/v1/virtualmachines", "watch"),
        ("PATCH", "/apis/kubevirt.io/v1/namespaces/db/virtualmachines/pg-0", "patch"),
        ("POST", "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases", "create"),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases/l", "update"),
    ],
)
def test_request_is_counted_by_its_kubernetes_verb_and_status(method, path, verb):
    seen = []
    Transport(Api(None), timeout_s=20.0, counted=lambda *each: seen.append(each)).open(
        Request(method, path)
    )
    assert seen == [(verb, 200)]


def test_request_without_a_response_is_counted_without_a_status():
    seen = []
    api = Api(None)
    api.call_api = no_answer
    transport = Transport(api, timeout_s=20.0, counted=lambda *each: seen.append(each))
    with pytest.raises(UnreachableError):
        transport.open(Request("GET", "/api/v1/nodes"))
    assert seen == [("list", None)]


def no_answer(*_call, **_options):
    raise ConnectionRefusedError(111, "Connection refused")
