"""``LimitedConnection``: an HTTP/1.1 connection with time-outs against slow clients.

uvicorn limits only the time between two requests. Without these time-outs, clients that send one
byte a minute could occupy all connections.
"""

from __future__ import annotations

from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.serve.http.connection_limits import ConnectionLimits

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp


class LimitedConfig(uvicorn.Config):
    """The configuration of uvicorn for one listener, with the limits of its connections."""

    def __init__(self, app: ASGIApp, limits: ConnectionLimits, grace_s: int) -> None:
        super().__init__(
            app,
            http=LimitedConnection,
            h11_max_incomplete_event_size=limits.head_bytes,
            timeout_graceful_shutdown=grace_s,
            access_log=False,
            log_config=None,
            # uvicorn would log a warning for each malformed request of any client. The
            # application logs its own exceptions.
            log_level="critical",
            lifespan="off",
            ws="none",
            loop="asyncio",
            proxy_headers=False,
            server_header=False,
        )
        self.limits = limits


class _Phase(Enum):
    """What a connection waits for."""

    HEAD = auto()
    BODY = auto()
    RESPONSE = auto()
    """The application's response, or the next request after it."""


class LimitedConnection(H11Protocol):
    """One connection of a client; closes it if a request exceeds the limits."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: uvicorn.server.ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.limits if isinstance(config, LimitedConfig) else ConnectionLimits()
        self.timeout_keep_alive = self._limits.idle_s  # type: ignore[assignment]  # a float works
        self._phase = _Phase.RESPONSE
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._n_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for a request, or close the connection if there are too many."""
        if len(self.connections) >= self._limits.connections:
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._enter(_Phase.HEAD)

    def data_received(self, data: bytes) -> None:
        """Handle received bytes, and start the time-out of the next phase if one has begun."""
        self._n_bytes += len(data)
        if self._n_bytes > self._limits.request_bytes:
            self.transport.abort()
            return
        super().data_received(data)
        self._follow()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the time-outs of a connection that has ended."""
        self._cancel()
        self._resume()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer a malformed request, unless a response to the request has already started."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Prepare for the next request of this connection, which may already be buffered."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._follow(response_complete=True)

    def pause_writing(self) -> None:
        """Stop the response while the client does not read, but not for an unlimited time."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self._limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Continue the response, because the client reads again."""
        self._resume()
        super().resume_writing()

    def _follow(self, *, response_complete: bool = False) -> None:
        """Enter the phase that the bytes received so far have led to."""
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._enter(_Phase.BODY)
        elif state is h11.IDLE and not (response_complete and not self.conn.trailing_data[0]):
            self._enter(_Phase.HEAD)
        else:
            self._enter(_Phase.RESPONSE)

    def _enter(self, phase: _Phase) -> None:
        if phase is _Phase.RESPONSE:
            self._n_bytes = 0
        if phase is self._phase:
            return
        self._phase = phase
        self._cancel()
        if phase is _Phase.RESPONSE:
            return
        seconds = self._limits.head_s if phase is _Phase.HEAD else self._limits.body_s
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        """Answer 408 if no response has started, and close the connection."""
        self._timer = None
        if self.transport.is_closing():
            return
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            status = HTTPStatus.REQUEST_TIMEOUT
            parts: tuple[h11.Event, ...] = (
                h11.Response(
                    status_code=status,
                    reason=status.phrase.encode(),
                    headers=[("Content-Length", "0"), ("Connection", "close")],
                ),
                h11.EndOfMessage(),
            )
            for each in parts:
                self.transport.write(self.conn.send(each) or b"")
        self.transport.close()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _resume(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
