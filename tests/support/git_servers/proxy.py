"""``Proxy``: an HTTP proxy that only connects clients with servers, optionally with a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.git_servers.listener import Listener, connected

if TYPE_CHECKING:
    import socket


class Proxy(Listener):
    """Supports the method CONNECT."""

    def __init__(self, authorization: str = "") -> None:
        """Require the header Proxy-Authorization with the value *authorization*, if it is set."""
        super().__init__(self._connect)
        self._authorization = authorization
        self.targets: list[str] = []
        """The host and the port of each connection."""

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
    """Return the first lines of a request; empty if the client has ended the connection."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = client.recv(1)
        if not piece:
            return ""
        data += piece
    return data.decode().removesuffix("\r\n\r\n")
