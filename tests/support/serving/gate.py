"""``Gate``: a TCP proxy in front of a server that forwards, stalls or closes connections."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from enum import StrEnum

from support.git_servers.listener import Listener

_PIECE = 65_536


class Way(StrEnum):
    """How the test proxy treats connections: forward, stall or close."""

    OPEN = "open"
    SILENT = "silent"
    """The proxy keeps connections open but forwards nothing, as if packets were lost."""
    CLOSED = "closed"
    """The proxy closes open connections, and closes new ones at once."""


class Gate(Listener):
    """A TCP proxy that forwards connections to a local port while it is in the open state."""

    def __init__(self, port: int) -> None:
        super().__init__(self._forward)
        self._target = port
        self._way = Way.OPEN
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, way: Way) -> None:
        with self._changed:
            self._way = way
            self._changed.notify_all()
        if way is Way.CLOSED:
            with self._lock:
                connections = tuple(self._open)
            for each in connections:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def __exit__(self, *error: object) -> None:
        self.set(Way.CLOSED)
        super().__exit__(*error)

    def _forward(self, client: socket.socket) -> None:
        self._threads = [each for each in self._threads if each.is_alive()]
        if not self._may_pass():
            return
        with socket.create_connection(("127.0.0.1", self._target)) as server:
            back = threading.Thread(target=self._copy, args=(server, client), daemon=True)
            back.start()
            self._copy(client, server)
            back.join()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while (piece := source.recv(_PIECE)) and self._may_pass():
                target.sendall(piece)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _may_pass(self) -> bool:
        """Wait while the proxy stalls, and return whether it then forwards data."""
        with self._changed:
            self._changed.wait_for(lambda: self._way is not Way.SILENT)
            return self._way is Way.OPEN
