"""The HTTP server starts and stops in bounded time, and disconnects misbehaving clients."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from support.serving.raw_http import connect, read_to_end, read_until, request
from uvicorn.server import ServerState

from reconciler.errors import UsageError
from reconciler.serve.http.connection_limits import ConnectionLimits
from reconciler.serve.http.http_server import STOPPING, HttpServer, Listener
from reconciler.serve.http.limited_connection import LimitedConfig, LimitedConnection
from reconciler.serve.http.listen_address import (
    ListenAddress,
    ListenError,
    parse_listen_address,
)

ANY_PORT = ListenAddress(host="127.0.0.1", port=0)


async def body_length(request):
    return PlainTextResponse(str(len(await request.body())))


async def until_stop(request):
    async def parts():
        yield b"started "
        await getattr(request.state, STOPPING).wait()
        yield b"ended"

    return StreamingResponse(parts())


async def large(request):
    return PlainTextResponse("x" * 64_000_000)


ROUTES = (
    Route("/length", body_length, methods=["GET", "POST"]),
    Route("/stream", until_stop),
    Route("/large", large),
)


def listener(**limits) -> Listener:
    return Listener(
        option="--listen",
        address=ANY_PORT,
        app=Starlette(routes=ROUTES),
        limits=ConnectionLimits(**limits),
    )


def test_http_server_runs_a_separate_application_for_each_listen_address():
    async def other(request):
        return PlainTextResponse("other")

    second = Listener(
        option="--other", address=ANY_PORT, app=Starlette(routes=[Route("/other", other)])
    )
    with HttpServer(listener(), second) as server:
        first_address, second_address = server.addresses
        assert request(first_address, "/length").text == "0"
        assert request(second_address, "/other").text == "other"
        assert request(first_address, "/other").status == 404


def test_http_server_sends_no_server_header():
    with HttpServer(listener()) as server:
        assert "server" not in request(server.addresses[0], "/length").headers


def test_http_server_on_a_port_in_use_raises_an_error_that_names_the_option():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        used = Listener(
            option="--listen", address=ListenAddress(host="127.0.0.1", port=port), app=Starlette()
        )
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}: another process uses") as found:
            HttpServer(listener(), used)
    assert "--listen" in found.value.hint


def test_stopping_http_server_ends_event_streams_and_idle_connections():
    with HttpServer(listener()) as server, connect(server.addresses[0]) as streaming:
        streaming.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        read_until(streaming, b"started ")
        with connect(server.addresses[0]) as idle:
            server.stop()
            assert b"ended" in read_to_end(streaming)
            assert read_to_end(idle) == b""
    assert not server.alive


@pytest.mark.parametrize(
    ("sent", "answer"),
    [(b"", b""), (b"GET /length HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"HTTP/1.1 408 ")],
    ids=["nothing", "a part of the headers"],
)
def test_http_connection_whose_headers_do_not_arrive_in_time_is_closed(sent, answer):
    with HttpServer(listener(head_s=0.05)) as server, connect(server.addresses[0]) as client:
        client.sendall(sent)
        assert read_to_end(client)[:13] == answer


def test_http_connection_is_closed_silently_if_no_request_follows_an_unread_request_body():
    with HttpServer(listener(idle_s=0.05)) as server, connect(server.addresses[0]) as client:
        client.sendall(b"POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        read_until(client, b"\r\n\r\nNot Found")
        client.sendall(b"1234")
        assert read_to_end(client) == b""


def test_http_connection_is_closed_if_the_headers_of_its_second_request_do_not_arrive_in_time():
    with HttpServer(listener(head_s=0.2)) as server, connect(server.addresses[0]) as client:
        client.sendall(b"GET /length HTTP/1.1\r\nHost: a\r\n\r\nGET /len")
        assert b"HTTP/1.1 408 " in read_to_end(client)


def test_http_connection_whose_request_body_does_not_arrive_in_time_is_closed():
    with HttpServer(listener(body_s=0.05)) as server, connect(server.addresses[0]) as client:
        client.sendall(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        assert read_to_end(client).startswith(b"HTTP/1.1 408 ")


def test_http_connection_of_a_client_that_stops_reading_a_large_response_is_closed():
    with HttpServer(listener(write_s=0.05)) as server, connect(server.addresses[0]) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        read_until(client, b"\r\n\r\n")
        # The server sees that nothing is read, and resets the connection.
        while True:
            try:
                client.sendall(b"\r\n")
            except OSError:
                break
        assert server.alive


def test_http_connection_of_a_client_that_resumes_reading_in_time_is_not_closed():
    async def scenario(*, reads_again: bool) -> bool:
        closed = asyncio.Event()
        transport = SimpleNamespace(abort=closed.set, get_extra_info=lambda _name: None)
        config = LimitedConfig(Starlette(), ConnectionLimits(write_s=0.0), 1)
        connection = LimitedConnection(config, ServerState(), {})
        connection.connection_made(transport)
        connection.pause_writing()
        if reads_again:
            connection.resume_writing()
        for _ in range(3):
            await asyncio.sleep(0)
        return closed.is_set()

    assert asyncio.run(scenario(reads_again=False))
    assert not asyncio.run(scenario(reads_again=True))


def test_http_connection_without_a_second_request_is_closed_after_the_idle_time():
    with HttpServer(listener(idle_s=0.05)) as server, connect(server.addresses[0]) as client:
        client.sendall(b"GET /length HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_to_end(client).endswith(b"\r\n\r\n0")


def test_http_connection_above_the_limit_is_closed_if_all_other_connections_are_active():
    with (
        HttpServer(listener(connections=2)) as server,
        connect(server.addresses[0]) as first,
        connect(server.addresses[0]) as second,
    ):
        for each in (first, second):
            each.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            read_until(each, b"started ")
        with connect(server.addresses[0]) as third:
            assert read_to_end(third) == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /length HTTP/1.1\r\nHost: a\r\n",
        b"GET /length HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234",
    ],
    ids=["nothing", "a part of the headers", "a complete request", "a part of the body"],
)
def test_http_connection_above_the_limit_replaces_a_connection_without_a_request(sent):
    with HttpServer(listener(connections=1)) as server, connect(server.addresses[0]) as first:
        first.sendall(sent)
        if sent.endswith(b"\r\n\r\n"):
            read_until(first, b"\r\n\r\n0")
        with connect(server.addresses[0]) as second:
            second.sendall(b"GET /length HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert read_to_end(second).endswith(b"\r\n\r\n0")
        assert read_to_end(first) == b""


def test_http_connection_above_the_limit_replaces_an_idle_connection_before_an_active_one():
    with (
        HttpServer(listener(connections=2)) as server,
        connect(server.addresses[0]) as sending,
        connect(server.addresses[0]) as idle,
    ):
        sending.sendall(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n12")
        idle.sendall(b"GET /length HTTP/1.1\r\nHost: a\r\n\r\n")
        read_until(idle, b"\r\n\r\n0")
        assert request(server.addresses[0], "/length").text == "0"
        assert read_to_end(idle) == b""
        sending.sendall(b"34")
        read_until(sending, b"\r\n\r\n4")


def test_http_client_that_sends_a_request_above_the_size_limit_is_disconnected():
    with HttpServer(listener(request_bytes=1_000)) as server:
        with connect(server.addresses[0]) as client:
            head = b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n"
            client.sendall(head + b"x" * 2_000)
            assert read_to_end(client) == b""
        assert request(server.addresses[0], "/length").text == "0"


def test_size_limit_applies_to_each_request_of_an_http_connection_separately():
    with (
        HttpServer(listener(request_bytes=1_000)) as server,
        connect(server.addresses[0]) as client,
    ):
        for _ in range(5):
            head = b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 600\r\n\r\n"
            client.sendall(head + b"x" * 600)
            assert b"600" in read_until(client, b"\r\n\r\n600")


def test_http_headers_above_the_size_limit_are_rejected_before_they_are_complete():
    with HttpServer(listener(head_bytes=2_000)) as server, connect(server.addresses[0]) as client:
        client.sendall(b"GET /length HTTP/1.1\r\nHost: a\r\nX-Large: " + b"x" * 5_000)
        assert read_to_end(client).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("[::1]:0", "::1", 0),
        (":9000", "0.0.0.0", 9000),
        ("localhost:65535", "localhost", 65_535),
    ],
)
def test_listen_address_is_a_host_and_a_port(text, host, port):
    assert parse_listen_address(text, "--listen") == ListenAddress(host=host, port=port)


@pytest.mark.parametrize(
    "text", ["", "8080", "a:", "a:-1", "a:65536", "::1:80", "[::1:80", "::1]:80", "a:٣", "a:1:2"]
)
def test_string_that_is_not_a_listen_address_is_rejected_with_the_name_of_the_option(text):
    with pytest.raises(UsageError, match="--listen"):
        parse_listen_address(text, "--listen")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *(("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("example.org", False)),
    ],
)
def test_listen_address_is_loopback_only_if_no_other_machine_can_connect(host, loopback):
    assert ListenAddress(host=host, port=1).is_loopback is loopback


@pytest.mark.parametrize(
    "body",
    [b"zz\r\n", b"5\r\nabcdefghij", b"f" * 100 + b"\r\n"],
    ids=["no length", "no end", "gigantic"],
)
def test_http_connection_is_closed_if_malformed_data_follows_a_completed_request(body, caplog):
    with HttpServer(listener()) as server, connect(server.addresses[0]) as client:
        head = b"POST /other HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head)
        read_until(client, b"\r\n\r\nNot Found")
        client.sendall(body)
        assert read_to_end(client) == b""
        assert request(server.addresses[0], "/length").status == 200
    assert caplog.text == ""
