"""``Relay``: forwards connections to a server, and stops its responses after some bytes."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from support.git_servers.listener import Listener, copy

if TYPE_CHECKING:
    from collections.abc import Callable

ALL = 1 << 60


class Relay(Listener):
    """Forwards connections to a port, and cuts off or suspends the response of one of them.

    The limit counts the bytes from the server to the client over all connections.
    """

    def __init__(
        self,
        port: int,
        *,
        limit: int = ALL,
        suspends: bool = False,
        continues: bool = False,
        at_limit: Callable[[], None] | None = None,
    ) -> None:
        """Forward connections to *port*.

        Args:
            port: The port of the server.
            limit: The number of response bytes after which the relay stops.
            suspends: Whether a stopped connection stays open without data instead of being
                closed.
            continues: Whether forwarding continues after the limit, so that only *at_limit* is
                called.
            at_limit: The function that is called when the limit is reached.
        """
        super().__init__(self._forward)
        self._port = port
        self._limit = limit
        self._suspends = suspends
        self._continues = continues
        self._at_limit = at_limit
        self._counting = threading.Lock()
        self.n_bytes = 0
        """The number of response bytes that clients have received so far."""

    def _forward(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as server:
            forward = threading.Thread(target=copy, args=(client, server), daemon=True)
            forward.start()
            is_cut = self._answer(server, client)
            if is_cut and self._suspends:
                forward.join()  # until the client gives up
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            forward.join()

    def _answer(self, server: socket.socket, client: socket.socket) -> bool:
        """Forward the response, and return whether the byte limit stopped it."""
        while piece := server.recv(4_096):
            with self._counting:
                left = self._limit - self.n_bytes
                part = piece[: max(0, left)]
                client.sendall(part)
                self.n_bytes += len(part)
                if self.n_bytes < self._limit:
                    continue
                if self._at_limit is not None:
                    self._at_limit()
                if not self._continues:
                    return True
                self._limit = ALL
                client.sendall(piece[len(part) :])
        return False
