"""``LimitedConnection``: an HTTP/1.1 connection with timeouts against slow clients.

uvicorn limits only the time between two requests. Without these timeouts, clients that send one
byte a minute could occupy all connections.
"""

from __future__ import annotations

from enum import IntEnum
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
    """The uvicorn configuration of one HTTP server, with the limits of its connections."""

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


class _Phase(IntEnum):
    """What an HTTP connection waits for; connections with lower numbers are closed first."""

    IDLE = 0
    """The connection waits for the first byte of the next request."""
    HEAD = 1
    BODY = 2
    RESPONSE = 3
    """The connection waits for the application's response."""


class LimitedConnection(H11Protocol):
    """An HTTP connection that is closed if the client exceeds the limits."""

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
        self.phase = _Phase.IDLE
        self.since = self.loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._n_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for a request; close a connection if too many are open.

        The oldest connection without a complete request is closed, so that slow clients cannot
        keep other clients out. If every other connection has a complete request, the new one is
        closed.
        """
        if len(self.connections) >= self._limits.connections and not self._close_oldest():
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._enter(_Phase.HEAD)

    def data_received(self, data: bytes) -> None:
        """Handle received bytes, and start a new timeout if the next part of a request begins."""
        self._n_bytes += len(data)
        if self._n_bytes > self._limits.request_bytes:
            self.transport.abort()
            return
        super().data_received(data)
        self._follow()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timeouts of a connection that has ended."""
        self._cancel()
        self._resume()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Respond to a malformed request, unless a response to it has already started."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Prepare for the next request on this connection, which might already be buffered."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._follow()

    def pause_writing(self) -> None:
        """Pause the response while the client does not read, up to the write timeout."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self._limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Resume the response, because the client reads again."""
        self._resume()
        super().resume_writing()

    def _close_oldest(self) -> bool:
        """Close the oldest connection without a complete request; return False if none exists."""
        waiting = [
            each
            for each in self.connections
            if isinstance(each, LimitedConnection) and each.phase < _Phase.RESPONSE
        ]
        if not waiting:
            return False
        oldest = min(waiting, key=lambda each: (each.phase, each.since))
        self.connections.discard(oldest)
        oldest.transport.abort()
        return True

    def _follow(self) -> None:
        """Update what the connection waits for, according to the bytes received so far."""
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._enter(_Phase.BODY)
        elif state is not h11.IDLE:
            self._enter(_Phase.RESPONSE)
        else:
            self._enter(_Phase.HEAD if self._has_buffered_bytes() else _Phase.IDLE)

    def _has_buffered_bytes(self) -> bool:
        """Return whether a part of the next request has already arrived."""
        return bool(self.conn.trailing_data[0])

    def _enter(self, phase: _Phase) -> None:
        if phase in {_Phase.IDLE, _Phase.RESPONSE}:
            self._n_bytes = 0
        if phase is self.phase:
            return
        self.phase, self.since = phase, self.loop.time()
        self._cancel()
        limits = self._limits
        seconds = {
            _Phase.IDLE: limits.idle_s,
            _Phase.HEAD: limits.head_s,
            _Phase.BODY: limits.body_s,
        }
        if phase in seconds:
            self._timer = self.loop.call_later(seconds[phase], self._too_slow)

    def _too_slow(self) -> None:
        """Close the connection of a slow client; respond with 408 if a request has started."""
        self._timer = None
        if self.transport.is_closing():
            return
        has_begun = self.phase is _Phase.BODY or self._has_buffered_bytes()
        if has_begun and self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
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
