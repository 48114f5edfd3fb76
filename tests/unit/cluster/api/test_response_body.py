"""Tests how response bodies are compressed, decompressed and limited in size."""

from __future__ import annotations

import gzip
import itertools
import zlib

import pytest
from kubernetes.client import ApiClient, Configuration
from support.apiserver import VMS, ApiServer

from reconciler.cluster.api import response_body
from reconciler.cluster.api.transport import Request, Transport
from reconciler.errors import ClusterError, NotFoundError
from reconciler.simulator.http_server.server import Server

GZIP = (("Content-Encoding", "gzip"),)
ZEROS = zlib.compressobj(wbits=31)
BOMB = ZEROS.compress(bytes(64 << 20)) + ZEROS.flush()
"""A gzip body of 64 KiB that expands to 64 MiB of zeros."""


def read(client):
    return client.read(VMS, b"".join)


def get(client):
    return client.get(VMS)


@pytest.fixture
def fleet():
    """A transport that is connected over HTTP to a simulator with 500 VMs."""
    server = ApiServer()
    for number in range(500):
        server.create_vm(f"vm-{number}")
    with Server(server.api) as running:
        configuration = Configuration(host=running.url)
        configuration.api_key = {"BearerToken": f"Bearer {running.token}"}
        transport = Transport(ApiClient(configuration), timeout_s=20.0)
        yield transport
        transport.close()


def test_compressed_list_of_500_vms_is_less_than_a_fifth_of_its_uncompressed_size(fleet):
    request = Request("GET", VMS, {"limit": "500"})
    response = fleet.open(request)
    body = fleet.finish(response, request).body
    assert body.count(b'"kind":"VirtualMachine"') == 500
    assert response.tell() * 5 < len(body)  # tell() counts the bytes on the wire


@pytest.mark.parametrize("ask", [get, read])
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_gzip_body_is_decompressed_for_any_chunk_size(server, client, reply, ask, size):
    text = b'{"items":[%s]}' % b",".join(b"%d" % n for n in range(200_000))
    packed = gzip.compress(text[: size * 1000], mtime=0)
    parts = [packed[n : n + size] for n in range(0, len(packed), size)]
    server.on(VMS, reply(headers=GZIP, chunks=parts))
    assert ask(client) == text[: size * 1000]


def test_gzip_body_of_an_error_response_is_decompressed(server, client, reply):
    body = b'{"kind":"Status","message":"virtualmachines not found","code":404}'
    server.on(VMS, reply(404, headers=GZIP, chunks=[gzip.compress(body, mtime=0)]))
    with pytest.raises(NotFoundError, match="virtualmachines not found"):
        client.get(VMS)


@pytest.mark.parametrize("ask", [get, read])
@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", b"<html>", "the gzip data is invalid"),
        ("gzip", gzip.compress(b"[]", mtime=0)[:-1], "the gzip data is incomplete"),
        ("gzip", gzip.compress(b"[]", mtime=0) + b"[]", "has data after its end"),
        ("gzip", BOMB, "the body is more than 250 times larger than its gzip data"),
        ("br", b"[]", "the Content-Encoding is 'br', not gzip"),
    ],
)
def test_response_body_that_cannot_be_decompressed_raises_an_error_without_a_retry(
    server, client, reply, ask, encoding, body, message
):
    server.on(VMS, reply(headers=(("Content-Encoding", encoding),), chunks=[body]))
    with pytest.raises(ClusterError, match=message):
        ask(client)
    assert len(server.requests) == 1


def test_client_stops_reading_an_endless_response_body(server, client, reply, monkeypatch):
    monkeypatch.setattr(response_body, "MAX_BYTES", 1 << 20)
    sent = itertools.count()
    server.on(VMS, reply(chunks=(b" " * 65_536 for _ in sent)))
    with pytest.raises(ClusterError, match="the body is larger than 1 MiB"):
        client.get(VMS)
    assert next(sent) * 65_536 < 16 << 20  # the connection's buffers take some of it


def test_gzip_body_is_decompressed_in_small_pieces(server, client, reply):
    server.on(VMS, reply(headers=GZIP, chunks=[gzip.compress(bytes(4 << 20), mtime=0)]))
    sizes = client.read(VMS, lambda pieces: [len(piece) for piece in pieces])
    assert sum(sizes) == 4 << 20
    assert max(sizes) <= 1 << 18


def test_connection_is_reused_after_a_gzip_response_body(server, client, reply):
    server.on(VMS, reply(headers=GZIP, chunks=[gzip.compress(b"{}", mtime=0)]))
    assert [client.get(VMS), client.get(VMS)] == [b"{}", b"{}"]
