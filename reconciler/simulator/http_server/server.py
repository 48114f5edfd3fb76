"""Server: serves the simulated API server over HTTP in a thread that also runs the engine."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Final

import uvicorn

from reconciler.simulator.http_server import http_app

if TYPE_CHECKING:
    from typing import Self

    from reconciler.simulator.apiserver.api_server import KubeApiServer
    from reconciler.simulator.clock import SimClock
    from reconciler.simulator.engine import Engine

_BATCH: Final = 50
"""The maximum number of scheduled functions that run before the server handles requests again."""
_GRACE_S: Final = 2
_START_S: Final = 10.0
_STEPS_TO_CONNECT: Final = 3
"""The number of event loop iterations in which asyncio turns an accepted socket into a connection.

Source: CPython 3.11 Lib/asyncio/selector_events.py (_accept_connection, _accept_connection2).
"""


class Server:
    """A running HTTP server for the simulated API server, used as a context manager."""

    def __init__(
        self,
        api: KubeApiServer,
        engine: Engine | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Starts the HTTP server, which handles requests as soon as this call returns.

        Args:
            api: The API server that handles the requests.
            engine: The engine that the server runs. With a stepped clock, the caller runs the
                engine.
            host: The IP address or host name to listen on.
            port: The TCP port, or 0 for any free port.

        Raises:
            OSError: The server cannot listen on the address.
        """
        self._api = api
        self._engine = engine
        self._socket = _listen(host, port)
        name, number = self._socket.getsockname()[:2]
        shown = f"[{name}]" if ":" in name else name
        self.url: Final = f"http://{shown}:{number}"
        self.token: Final = api.tokens.admin
        self._failure: BaseException | None = None
        self._started = threading.Event()
        self._server = _AnnouncingServer(_config(api), self._started)
        self._thread = threading.Thread(target=self._run, name="simulator-http", daemon=True)
        self._thread.start()
        self._started.wait(_START_S)
        if self._failure is not None:
            raise RuntimeError("the simulator's HTTP server did not start") from self._failure

    def close(self) -> None:
        """Ends open watches, stops the HTTP server, and waits for its thread to end."""
        self._api.close()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise RuntimeError("the simulator's HTTP server failed") from failure

    def wait(self) -> None:
        """Waits until the HTTP server stops or Ctrl-C is pressed."""
        while self._thread.is_alive():
            self._thread.join(0.2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # handed to the thread that closes us
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        driving = asyncio.create_task(self._drive())
        try:
            await asyncio.wait({serving, driving}, return_when=asyncio.FIRST_COMPLETED)
            self._server.should_exit = True
            await serving
        finally:
            driving.cancel()
            await asyncio.gather(driving, return_exceptions=True)
        if driving.done() and not driving.cancelled():
            driving.result()

    async def _drive(self) -> None:
        engine, clock = self._engine, self._api.store.clock
        if engine is None or clock.stepped:
            await asyncio.Event().wait()
            return
        loop = asyncio.get_running_loop()
        earlier = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(earlier.set)

        engine.on_earlier = wake
        try:
            await _drive(engine, clock, earlier)
        finally:
            engine.on_earlier = None


class _AnnouncingServer(uvicorn.Server):
    """A uvicorn server that announces its start, and closes all connections at its end."""

    def __init__(self, config: uvicorn.Config, announced: threading.Event) -> None:
        super().__init__(config)
        self._announced = announced

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._announced.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        # uvicorn closes only connections that it knows; asyncio needs these steps to add one.
        for _ in range(_STEPS_TO_CONNECT):
            await asyncio.sleep(0)
        await super().shutdown(sockets=sockets)
        connections = self.server_state.connections
        while connections:
            for connection in tuple(connections):
                connection.transport.abort()
            await asyncio.sleep(0)


async def _drive(engine: Engine, clock: SimClock, earlier: asyncio.Event) -> None:
    while True:
        earlier.clear()
        due = engine.next_due()
        delay = None if due is None else clock.real_delay(due)
        if delay == 0.0:
            engine.run_due(limit=_BATCH)
            await asyncio.sleep(0)
            continue
        try:
            await asyncio.wait_for(earlier.wait(), delay)
        except TimeoutError:
            continue


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # If `proto` is 0, asyncio keeps Nagle's algorithm, which delays each response by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _config(api: KubeApiServer) -> uvicorn.Config:
    return uvicorn.Config(
        http_app.build(api),
        access_log=False,
        log_config=None,
        log_level="error",
        lifespan="off",
        ws="none",
        server_header=False,
        date_header=False,  # http_app sends the simulated date
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_S,
    )
