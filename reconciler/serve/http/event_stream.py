"""``EventStreams``: sends updates of the status pages to browsers as server-sent events.

A slow client does not receive each change as a separate event. Its next event contains all
changes since its previous event.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from reconciler.serve.http.http_server import STOPPING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from reconciler.model.service.view import ServiceView
    from reconciler.serve.http.render_cache import RenderCache
    from reconciler.serve.view_store import ViewStore

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx would collect events before it passes them on
}
_HEARTBEAT = b": still connected\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """The limits of the server-sent event streams."""

    clients: int = 64
    """The maximum number of open event streams."""
    interval_s: float = 1.0
    """The minimum number of seconds between two events of one event stream."""
    heartbeat_s: float = 15.0
    """The seconds after which an event stream without changes sends a comment.

    Proxies close a connection that is silent for a minute.
    """
    retry_s: float = 3.0
    """The seconds after which a browser reconnects to an event stream."""


class EventStreams:
    """Opens server-sent event streams at the path ``/events``."""

    def __init__(
        self,
        store: ViewStore,
        events: Callable[[ServiceView | None, ServiceView], bytes],
        cache: RenderCache,
        limits: StreamLimits,
    ) -> None:
        self._store, self._events, self._cache, self._limits = store, events, cache, limits
        self._n_clients = 0

    def view_id(self, version: int, view: ServiceView) -> str:
        """Return an ID for the displayed state; no earlier process has used this ID."""
        return f"{view.started_at.timestamp():.3f}-{version}"

    async def endpoint(self, request: Request) -> Response:
        """Respond with an event stream that ends when the client or the server disconnects."""
        if request.method == "HEAD":
            return Response(headers=_HEADERS)
        if self._n_clients >= self._limits.clients:
            return PlainTextResponse(
                f"the server already updates {self._limits.clients} open pages, which is the "
                "maximum; try again later\n",
                503,
                {"Retry-After": "30"},
            )
        # Counted before the stream starts, so that simultaneous requests cannot exceed the limit.
        self._n_clients += 1
        since = request.headers.get("Last-Event-ID") or request.query_params.get("since", "")
        stopping = getattr(request.state, STOPPING, None) or asyncio.Event()
        return _CountedStream(self._stream(since, stopping), self._end_client)

    def _end_client(self) -> None:
        self._n_clients -= 1

    async def _stream(self, since: str, stopping: asyncio.Event) -> AsyncIterator[bytes]:
        changed, loop = asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            with suppress(RuntimeError):  # the event loop has already ended
                loop.call_soon_threadsafe(changed.set)

        unsubscribe = self._store.subscribe(wake)
        stop = asyncio.create_task(stopping.wait())
        try:
            version, view = self._store.read()
            yield (
                f"retry: {self._limits.retry_s * 1000:.0f}\n"
                f"event: hello\ndata: {self.view_id(version, view)}\n\n"
            ).encode()
            if since != self.view_id(version, view):
                yield await self._update(None, (version, view))
            while not stop.done():
                if not await _either(changed, stop, self._limits.heartbeat_s):
                    yield _HEARTBEAT
                    continue
                changed.clear()
                before, (version, view) = view, self._store.read()
                if view is not before:
                    yield await self._update(before, (version, view))
                await asyncio.wait({stop}, timeout=self._limits.interval_s)
        finally:
            stop.cancel()
            unsubscribe()

    async def _update(self, before: ServiceView | None, after: tuple[int, ServiceView]) -> bytes:
        """Return the events that update a page to a newer state, followed by the ID of that state.

        A browser remembers an ID only when it has completely received the block with the ID.
        The block has data, because some clients ignore the ID of a block without data.
        """
        version, view = after
        rendered = await self._cache.get(
            "events",
            str(version),
            (before, view),
            lambda: self._events(before, view),
            compress=False,
        )
        events = rendered.body if rendered else b""
        view_id = self.view_id(version, view)
        return events + f"id: {view_id}\nevent: view\ndata: {view_id}\n\n".encode()


class _CountedStream(StreamingResponse):
    """An event stream that calls a function when it ends, even if it never started."""

    def __init__(self, content: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        super().__init__(content, headers=_HEADERS)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


async def _either(changed: asyncio.Event, stop: asyncio.Task[bool], timeout_s: float) -> bool:
    """Wait for a change, a stop or the timeout; return False only after the timeout."""
    change = asyncio.create_task(changed.wait())
    try:
        done, _ = await asyncio.wait(
            {change, stop}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        change.cancel()
    return bool(done)
