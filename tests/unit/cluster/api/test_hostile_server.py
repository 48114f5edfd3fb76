"""Tests that a server cannot make a request last longer than the client's timeout.

The client's timeout is short, and the hostile servers never complete a response. A request can
therefore end only because of a limit of the client. ``HANG_S`` is reached only if the client sets
no limit.
"""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Self

import pytest

from reconciler.cluster.api import client as client_module
from reconciler.cluster.api import threads
from reconciler.cluster.api.client import Client
from reconciler.cluster.api.watch import SilentError
from reconciler.errors import ClusterError, UnreachableError

PATH = "/apis/kubevirt.io/v1/virtualmachines"
TIMEOUT_S = 0.3
HANG_S = 60.0
LATE = "no response within the timeout"
BROKEN = "(the connection was interrupted|connection reset by peer)"
"""The error after a server closed a connection; unread request data resets the connection."""
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = OK + b"Content-Encoding: gzip\r\nContent-Length: 999999\r\n\r\n"


Script = Callable[["Peer"], None]

_PACE_S = 0.002
"""The pause between two pieces that a server sends, far shorter than any client timeout."""


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket, closing: threading.Event) -> None:
        self._connection, self._closing = connection, closing

    def request(self) -> bytes:
        """Read until the end of the request headers or of the connection."""
        found = b""
        while not found.endswith(b"\r\n\r\n"):
            if not (piece := self._connection.recv(1)):
                return b""
            found += piece
        return found

    def send(self, data: bytes) -> None:
        """Send *data* without a pause."""
        self._connection.sendall(data)

    def drip(self, piece: bytes) -> None:
        """Send *piece* repeatedly until the client closes the connection."""
        while not self._closing.wait(_PACE_S):
            self.send(piece)

    def stay(self) -> None:
        """Send nothing, and keep the connection open until the server ends."""
        self._closing.wait()


class RawServer:
    """A server that runs a script for each connection, until the end of its ``with`` block."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peers: list[tuple[threading.Thread, socket.socket]] = []
        self._thread = threading.Thread(target=self._accept)

    @property
    def address(self) -> str:
        """The host and the port of the server."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for thread, connection in self._peers:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            peer = threading.Thread(target=self._serve, args=(connection,))
            self._peers.append((peer, connection))
            peer.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(60.0)
        with connection, suppress(OSError):
            self._script(Peer(connection, self._closing))


def sends(first: bytes, *, drips: bytes = b"", closes: bool = False) -> Script:
    """Return a script that responds to each request with *first*, then with *drips* if given."""

    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(first)
            if drips:
                peer.drip(drips)
            elif closes:
                return
            else:
                peer.stay()

    return script


ATTACKS = [
    pytest.param(sends(b""), LATE, id="no response"),
    pytest.param(sends(b"HTTP/1.1 200 ", drips=b"O"), LATE, id="dripping status line"),
    pytest.param(sends(OK + b"X: ", drips=b"x"), LATE, id="dripping header"),
    pytest.param(
        sends(b"", drips=b"HTTP/1.1 100 Continue\r\n\r\n"), LATE, id="endless 100 Continue"
    ),
    pytest.param(
        sends(OK + b"Content-Length: 999999\r\n\r\n", drips=b" "), LATE, id="dripping body"
    ),
    pytest.param(sends(OK + b"\r\n", drips=b" "), LATE, id="dripping body without length"),
    pytest.param(sends(CHUNKED, drips=b"1\r\n \r\n"), LATE, id="dripping chunks"),
    pytest.param(sends(CHUNKED + b"f;", drips=b"x"), LATE, id="dripping chunk extension"),
    pytest.param(sends(CHUNKED + b"0\r\n", drips=b"A: b\r\n"), LATE, id="endless trailers"),
    pytest.param(
        sends(GZIP + gzip.compress(b"[]")[:10], drips=b"\0\0\0\xff\xff"), LATE, id="dripping gzip"
    ),
    pytest.param(sends(OK + b"Content-Length: -5\r\n\r\n{}"), LATE, id="negative length"),
    pytest.param(sends(OK + b"X: y\r\n" * 200 + b"\r\n"), BROKEN, id="too many headers"),
    pytest.param(sends(OK + b"X: " + b"y" * 70_000), BROKEN, id="long header"),
    pytest.param(sends(b"HTTP/1.1 " + b"2" * 70_000), BROKEN, id="long status line"),
    pytest.param(sends(CHUNKED + b"1;" + b"x" * 70_000), BROKEN, id="long chunk extension"),
    pytest.param(sends(CHUNKED + b"zz\r\n"), BROKEN, id="chunk size that is not a number"),
    pytest.param(
        sends(CHUNKED + b"f" * 30 + b"\r\n{}", closes=True), BROKEN, id="huge chunk, cut off"
    ),
    pytest.param(
        sends(OK + b"Content-Length: 99\r\n\r\n{}", closes=True), BROKEN, id="body cut off"
    ),
    pytest.param(
        sends(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}"), BROKEN, id="two lengths"
    ),
    pytest.param(sends(b"\x16\x03\x01 not HTTP\r\n"), BROKEN, id="not HTTP"),
]


@pytest.fixture
def connect(make_client):
    """Returns a function that starts a server with a script and returns its client."""
    with ExitStack() as stack:

        def make(script: Script, scheme: str = "http", timeout_s: float = TIMEOUT_S) -> Client:
            server = stack.enter_context(RawServer(script))
            url = f"{scheme}://{server.address}"
            return make_client(url, request_timeout_s=timeout_s).without_retries()

        yield make


def answer(call, *arguments, **named):
    """Return the result of *call*; fail the test if *call* does not return in time."""
    return threads.start(call, *arguments, **named).result(HANG_S)


@pytest.mark.parametrize(("script", "why"), ATTACKS)
def test_response_that_does_not_end_fails_within_the_timeout(connect, script, why):
    client = connect(script, timeout_s=TIMEOUT_S if why == LATE else HANG_S)
    with pytest.raises(UnreachableError, match=f"cannot read virtualmachines at .*: {why}"):
        answer(client.get, PATH)
    with pytest.raises(UnreachableError, match=why):
        answer(client.read, PATH, b"".join)
    with pytest.raises(UnreachableError, match=f"cannot patch virtualmachines at .*: {why}"):
        answer(client.patch, PATH, [])


def test_stalled_tls_handshake_fails_within_the_timeout(connect):
    with pytest.raises(UnreachableError, match=LATE):
        answer(connect(lambda peer: peer.stay(), "https").get, PATH)


def test_tls_record_sent_byte_by_byte_fails_within_the_timeout(connect):
    def script(peer: Peer) -> None:
        peer.send(b"\x16\x03\x03\x40\x00\x02")
        peer.drip(b"\0")

    with pytest.raises(UnreachableError, match=LATE):
        answer(connect(script, "https").get, PATH)


def test_proxy_response_sent_byte_by_byte_fails_within_the_timeout(
    make_kubeconfig, clock, monkeypatch
):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with RawServer(sends(b"HTTP/1.1 200 Connected\r\nX: ", drips=b"x")) as proxy:
        path = make_kubeconfig(
            "https://192.0.2.1:6443", **{"proxy-url": f"http://{proxy.address}"}
        )
        client = Client.from_options(
            kubeconfig_path=path, clock=clock, request_timeout_s=TIMEOUT_S
        )
        with client, pytest.raises(UnreachableError, match=LATE):
            answer(client.without_retries().get, PATH)


def test_request_to_a_server_that_accepts_no_connection_fails_within_the_timeout(make_client):
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # they fill the queue of connections that nobody accepts
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)  # noqa: FBT003 - the only argument
            filler.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = make_client(url, request_timeout_s=TIMEOUT_S).without_retries()
        with pytest.raises(UnreachableError, match=LATE):
            answer(client.get, PATH)


def test_request_that_the_server_does_not_read_fails_within_the_timeout(connect):
    client = connect(lambda peer: peer.stay())
    with pytest.raises(UnreachableError, match=f"{LATE}|{BROKEN}"):
        answer(client.send, "POST", PATH, body={"a": "x" * (32 << 20)})


@pytest.mark.parametrize(
    "drips", [b" ", b'{"type":"BOOKMARK","object":{}}\n', b'{"type":"ADDED","object":{}}']
)
def test_watch_that_the_server_does_not_end_fails_after_the_watch_timeout(
    connect, monkeypatch, drips
):
    monkeypatch.setattr(client_module, "_SILENCE_S", 0.0)
    client = connect(sends(CHUNKED, drips=b"%x\r\n%b\r\n" % (len(drips), drips)))
    with pytest.raises(SilentError):
        answer(list, client.watch(PATH, "1", TIMEOUT_S))


def test_second_response_to_one_request_is_not_used_for_the_next_request(connect):
    def script(peer: Peer) -> None:
        while peer.request():
            first = OK + b"Content-Length: 5\r\n\r\nfirst"
            peer.send(first + OK + b"Content-Length: 5\r\n\r\nextra")

    client = connect(script)
    assert answer(client.get, PATH) == b"first"
    assert answer(client.get, PATH) == b"first"


def test_response_data_after_the_content_length_is_ignored(connect):
    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(OK + b"Content-Length: 2\r\n\r\n{}" + b"x" * 100)

    client = connect(script)
    for _ in range(3):
        assert answer(client.get, PATH) == b"{}"


@pytest.mark.parametrize("code", [101, 102, 103, 204, 205, 304])
def test_list_request_fails_if_the_response_has_no_body(connect, code):
    client = connect(sends(b"HTTP/1.1 %d X\r\n\r\n" % code))
    with pytest.raises(ClusterError):
        answer(client.read, PATH, b"".join)
