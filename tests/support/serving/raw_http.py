"""``connect``: talks HTTP to a server byte by byte, as a hostile or slow client could."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.serve.http.listen_address import ListenAddress

HANGS_S = 120
"""A timeout in seconds that only a hanging response reaches, even on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP response of the server."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def request(
    address: ListenAddress,
    path: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """Send one request on a new connection, and return the whole response."""
    connection = HTTPConnection(address.host, address.port, timeout=HANGS_S)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, headers=found, body=response.read())
    finally:
        connection.close()


@contextmanager
def connect(address: ListenAddress) -> Iterator[socket.socket]:
    """Open a TCP connection to the server that the test writes to and reads from."""
    with socket.create_connection((address.host, address.port), timeout=HANGS_S) as connection:
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    """Return all bytes that the server sends until it closes the connection."""
    received = b""
    try:
        while chunk := connection.recv(65_536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def read_until(connection: socket.socket, end: bytes) -> bytes:
    """Return the bytes that the server sends up to and including *end*; keep the rest unread."""
    received = b""
    while not received.endswith(end):
        chunk = connection.recv(1)
        assert chunk, f"the connection ended without {end!r}, after {received!r}"
        received += chunk
    return received
