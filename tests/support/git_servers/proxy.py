"""``Proxy``: an HTTP proxy that supports only CONNECT, optionally with a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.git_servers.listener import Listener, connected

if TYPE_CHECKING:
    import socket


class Proxy(Listener):
    """An HTTP proxy that supports only the method CONNECT."""

    def __init__(self, authorization: str = "") -> None:
        """Create a proxy that requires the Proxy-Authorization header *authorization*, if set."""
        super().__init__(self._connect)
        self._authorization = authorization
        self.targets: list[str] = []
        """The target host and port of each connection through the proxy."""

    def _connect(self, client: socket.socket) -> None:
        while head := _head(client):
            first, *lines = head.split("\r\n")
            headers = dict(each.split(": ", 1) for each in lines)
            if self._authorization in ("", headers.get("Proxy-Authorization")):
                target = first.split(" ")[1]
                self.targets.append(target)
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                host, _, port = target.rpartition(":")
                connected((host, int(port)), client)
                return
            client.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                b'Proxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n'
            )


def _head(client: socket.socket) -> str:
    """Return the request line and headers of a request, or nothing if the client disconnected."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = client.recv(1)
        if not piece:
            return ""
        data += piece
    return data.decode().removesuffix("\r\n\r\n")
