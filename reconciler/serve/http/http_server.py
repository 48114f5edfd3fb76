"""``HttpServer``: runs the HTTP servers of the process in one background thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.types import ASGIApp

from reconciler.serve.http.connection_limits import ConnectionLimits
from reconciler.serve.http.limited_connection import LimitedConfig
from reconciler.serve.http.listen_address import ListenAddress, ListenError, listening_socket

if TYPE_CHECKING:
    import socket
    from typing import Self


log = logging.getLogger(__name__)

STOPPING: Final = "stopping"
"""The request state key whose value is an ``asyncio.Event`` that is set when the server stops.

Endless responses, such as event streams, end when this event is set.
"""
_START_S: Final = 30.0
"""The maximum time in seconds for the HTTP server's thread to start."""
_GRACE_S: Final = 2
"""The seconds that a stopping server waits for the end of responses that have started."""
_STEPS_TO_CONNECT: Final = 3
"""The number of event loop iterations that asyncio needs to open an accepted connection.

Source: CPython 3.11 Lib/asyncio/selector_events.py (_accept_connection, _accept_connection2).
"""
_STOP_S: Final = 6.0
"""The seconds after which the process ends without waiting for the HTTP server's thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listen address, and the ASGI application that handles its requests."""

    option: str
    """The command-line option that sets the listen address, for error messages."""
    address: ListenAddress
    app: ASGIApp
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)


class HttpServer:
    """Serves HTTP on several addresses; a context manager that starts and stops the server."""

    def __init__(self, *listeners: Listener) -> None:
        """Bind the listen addresses; connections are handled once the ``with`` block starts.

        Raises:
            ListenError: An address cannot be used.
        """
        self._sockets: list[socket.socket] = []
        try:
            for each in listeners:
                self._sockets.append(listening_socket(each.address, each.option))
        except ListenError:
            self._close_sockets()
            raise
        self.addresses: Final = tuple(map(_bound, self._sockets))
        """The addresses on which the server listens, with actual ports instead of port 0."""
        self._servers = [
            _Server(LimitedConfig(each.app, each.limits, _GRACE_S)) for each in listeners
        ]
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread that handles HTTP requests is running."""
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(_START_S) or self._failure is not None:
            self.stop()
            raise ListenError("the HTTP server did not start") from self._failure
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End event streams, wait two seconds for other responses, and close all connections."""
        for each in self._servers:
            each.should_exit = True
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            log.warning("the HTTP server did not stop within %.0f s", _STOP_S)
        self._close_sockets()

    def _close_sockets(self) -> None:
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            log.error("the HTTP server failed", exc_info=error)  # noqa: TRY400 - with its traceback
        finally:
            self._started.set()

    async def _serve(self) -> None:
        tasks = [
            asyncio.create_task(server.serve(sockets=[each]))
            for server, each in zip(self._servers, self._sockets, strict=True)
        ]
        announcing = asyncio.create_task(self._announce())
        try:
            await asyncio.gather(*tasks)
        finally:
            announcing.cancel()

    async def _announce(self) -> None:
        for each in self._servers:
            await each.announced.wait()
        self._started.set()


class _Server(uvicorn.Server):
    """A uvicorn server that signals when it has started, and ends event streams when it stops."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.announced = asyncio.Event()
        self._stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan.state[STOPPING] = self._stopping
        await super().startup(sockets=sockets)
        self.announced.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        for server in self.servers:
            server.close()
        # uvicorn closes only connections that it knows; asyncio needs these steps to add one.
        for _ in range(_STEPS_TO_CONNECT):
            await asyncio.sleep(0)
        await super().shutdown(sockets=sockets)
        # uvicorn leaves connections open whose requests or responses take too long.
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()


def _bound(listener: socket.socket) -> ListenAddress:
    host, port = listener.getsockname()[:2]
    return ListenAddress(host=host, port=port)
