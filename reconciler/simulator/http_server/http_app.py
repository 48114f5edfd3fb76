"""Builds the Starlette application that serves the simulated API server over HTTP."""

from __future__ import annotations

import asyncio
import gzip
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import Response as HttpResponse
from starlette.responses import StreamingResponse
from starlette.routing import Route

from reconciler.simulator.apiserver.request.http_messages import Request, Response, parse_query

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request as HttpRequest

    from reconciler.simulator.apiserver.api_server import KubeApiServer
    from reconciler.simulator.apiserver.reading.watch import WatchStream
    from reconciler.simulator.apiserver.request.http_messages import Headers
    from reconciler.simulator.clock import SimClock

_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_GZIP_ABOVE: Final = 128 * 1024
"""The size in bytes above which an HTTP response is compressed."""
_GZIP_LEVEL: Final = 1
"""The compression level of Kubernetes 1.26 and later (kubernetes/kubernetes#112299)."""
_STEPPED_POLL_S: Final = 0.05
"""The interval in real seconds at which an open watch checks a stepped clock."""


def build(api: KubeApiServer) -> Starlette:
    """Builds the Starlette application that serves a simulated API server."""

    async def endpoint(http: HttpRequest) -> HttpResponse:
        answer = api.handle(
            Request(
                method=http.method,
                path=http.scope["path"],
                query=parse_query(http.scope["query_string"].decode("latin-1")),
                headers={name: ",".join(http.headers.getlist(name)) for name in http.headers},
                body=await http.body(),
            )
        )
        if answer.delay_s:
            await _sleep(http, api.store.clock, answer.delay_s)
        if isinstance(answer, Response):
            accepted = http.headers.get("accept-encoding", "")
            body, encoding = _encoded(answer.body, accepted)
            whole = HttpResponse(body, answer.status)
            return _with_headers(whole, (*answer.headers, *encoding, _date(api.store.clock)))
        stream = StreamingResponse(_frames(answer, api.store.clock), answer.status)
        return _with_headers(stream, (*answer.headers, _date(api.store.clock)))

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=_METHODS)])


def _encoded(body: bytes, accepted: str) -> tuple[bytes, Headers]:
    """Compresses a response body where kube-apiserver would; returns the body and its headers.

    Source: kube-apiserver v1.36
    staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/writers.go
    (negotiateContentEncoding, deferredResponseWriter).
    """
    wanted = any(each.strip() == "gzip" for each in accepted.split(","))
    if not wanted or len(body) <= _GZIP_ABOVE:
        return body, ()
    headers = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return gzip.compress(body, _GZIP_LEVEL, mtime=0), headers


def _date(clock: SimClock) -> tuple[str, str]:
    return "Date", format_datetime(clock.now(), usegmt=True)


def _with_headers(response: HttpResponse, headers: Headers) -> HttpResponse:
    response.raw_headers.extend(
        (name.lower().encode("latin-1"), value.encode("latin-1", "backslashreplace"))
        for name, value in headers
    )
    return response


async def _sleep(http: HttpRequest, clock: SimClock, seconds: float) -> None:
    """Waits for a number of simulated seconds, or until the HTTP client disconnects."""
    until = clock.monotonic() + seconds
    while (  # noqa: ASYNC110  # a stepped clock has no event
        clock.monotonic() < until and not await http.is_disconnected()
    ):
        await asyncio.sleep(min(clock.real_delay(until), _STEPPED_POLL_S))


async def _frames(stream: WatchStream, clock: SimClock) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    stream.on_ready(lambda: loop.call_soon_threadsafe(ready.set))
    try:
        while True:
            ready.clear()
            for frame in stream.poll():
                yield frame
            if stream.ended:
                return
            delay = clock.real_delay(stream.wake_at())
            if clock.stepped:
                delay = min(delay, _STEPPED_POLL_S)
            await _wait(ready, delay)
    finally:
        stream.close()


async def _wait(ready: asyncio.Event, seconds: float) -> None:
    timeout = None if seconds == float("inf") else seconds
    try:
        await asyncio.wait_for(ready.wait(), timeout)
    except TimeoutError:
        return
