"""``face_app``: serves the status pages, the API, the metrics and the probes, read-only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, Router

from reconciler.escaping import printable
from reconciler.model.references import vm_ref
from reconciler.model.service.view import Wait
from reconciler.report.service.readiness_text import readiness_text
from reconciler.serve.http import api_documents
from reconciler.serve.http.conditional_response import REVALIDATE, conditional_response
from reconciler.serve.http.connection_limits import ConnectionLimits
from reconciler.serve.http.event_stream import EventStreams, StreamLimits
from reconciler.serve.http.render_cache import RenderCache
from reconciler.serve.http.request_guard import RequestGuard

if TYPE_CHECKING:
    from starlette.requests import Request

    from reconciler.model.service.view import ServiceView
    from reconciler.serve.http.face_content import FaceContent
    from reconciler.serve.view_store import ViewStore

_HTML = "text/html; charset=utf-8"
_JSON = "application/json"
_IMMUTABLE = "public, max-age=31536000, immutable"
FACE_LIMITS = ConnectionLimits(request_bytes=64 * 1024)
"""The connection limits of the status page server, whose requests have no body."""
_NO_PLAN = "no plan has been made yet; /readyz shows what the process waits for\n"


def _healthy() -> str:
    return ""


def _no_outage() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceOptions:
    """The settings of the status page server."""

    hosts: tuple[str, ...] = ()
    """The permitted host names, besides IP addresses and ``localhost``; ``*`` permits all."""
    streams: StreamLimits = field(default_factory=StreamLimits)
    problem: Callable[[], str] = _healthy
    """Returns why the process should be restarted, or an empty string if it is healthy."""
    outage: Callable[[], Wait | None] = _no_outage
    """Returns the current API server outage, or None; the pages might not show this outage yet."""


def face_app(store: ViewStore, content: FaceContent, options: FaceOptions) -> Starlette:
    """Return the ASGI application that shows the newest state of the ``serve`` process."""
    face = _Face(store, content, options)
    routes = (
        Route("/", face.page),
        Route("/vm/{namespace}/{name}", face.vm_page),
        Route("/reasons", face.reason_page),
        Route("/reasons/{code}", face.reason_page),
        Route("/static/{name}", face.static),
        Route("/events", face.streams.endpoint),
        Route("/api/v1/plan", face.plan),
        Route("/api/v1/status", face.status),
        Route("/api/v1/runs", face.runs),
        Route("/api/v1/runs/{run_id}", face.run),
        Route("/metrics", face.metrics),
        Route("/healthz", face.healthz),
        Route("/readyz", face.readyz),
    )
    guard = Middleware(RequestGuard, hosts=options.hosts, head_bytes=FACE_LIMITS.head_bytes)
    app = Starlette(middleware=[guard])
    # The default router would redirect a path with a slash at its end to the requested host.
    app.router = Router(routes, redirect_slashes=False)
    return app


class _Face:
    """The HTTP endpoints of the status page server."""

    def __init__(self, store: ViewStore, content: FaceContent, options: FaceOptions) -> None:
        self._store, self._content, self._options = store, content, options
        self._cache = RenderCache()
        self.streams = EventStreams(store, content.events, self._cache, options.streams)

    async def page(self, request: Request) -> Response:
        """Respond with the overview page of all VMs that match the filters in the query."""
        version, view = self._store.read()
        query, view_id = dict(request.query_params), self.streams.view_id(version, view)
        return await self._document(
            request, (view,), lambda: self._content.page(view, query, view_id).encode(), _HTML
        )

    async def vm_page(self, request: Request) -> Response:
        """Respond with the status page of one VM."""
        version, view = self._store.read()
        ref = vm_ref(request.path_params["namespace"], request.path_params["name"])
        view_id = self.streams.view_id(version, view)
        render = partial(self._content.vm_page, view, ref, view_id)
        return await self._page(request, (view,), render)

    async def reason_page(self, request: Request) -> Response:
        """Respond with the explanation of one reason code, or with a list of all codes."""
        view, code = self._view(), request.path_params.get("code", "")
        return await self._page(
            request, (view.plan,), partial(self._content.reason_page, view, code)
        )

    async def static(self, request: Request) -> Response:
        """Respond with a static file; browsers cache it permanently if the URL has a query."""
        file = self._content.static.get(request.path_params["name"])
        if file is None:
            return _not_found()
        cache = _IMMUTABLE if request.scope["query_string"] else REVALIDATE
        return await self._document(
            request, (), lambda: file.body, file.content_type, key=request.url.path, cache=cache
        )

    async def plan(self, request: Request) -> Response:
        """Respond with the newest plan as JSON."""
        view = self._view()
        render = partial(api_documents.plan_bytes, view)
        return await self._document(request, (view.plan,), render, _JSON, absent=_NO_PLAN)

    async def status(self, request: Request) -> Response:
        """Respond with the desired and the live memory of each VM as JSON."""
        view = self._view()
        sources = (view.plan, view.live, view.desired)
        render = partial(api_documents.status_bytes, view)
        return await self._document(request, sources, render, _JSON, absent=_NO_PLAN)

    async def runs(self, request: Request) -> Response:
        """Respond with a list of the last runs as JSON."""
        view = self._view()
        render = partial(api_documents.runs_bytes, view)
        return await self._document(request, (view.runs, view.run), render, _JSON)

    async def run(self, request: Request) -> Response:
        """Respond with the report of one run as JSON."""
        view = self._view()
        render = partial(api_documents.run_bytes, view, request.path_params["run_id"])
        return await self._document(request, (view.runs,), render, _JSON)

    async def metrics(self, request: Request) -> Response:
        """Respond with the metrics in a format that the client accepts."""
        accept = request.headers.get("Accept", "")
        # The metrics also contain counters, which change even if the state does not.
        text = await run_in_threadpool(self._content.metrics, self._view(), accept)
        return Response(text.content, headers={"Content-Type": text.content_type})

    async def healthz(self, _request: Request) -> Response:
        """Respond with 200 if the process works, or 503 if it must be restarted."""
        problem = self._options.problem()
        return PlainTextResponse(f"{printable(problem) or 'ok'}\n", 503 if problem else 200)

    async def readyz(self, _request: Request) -> Response:
        """Respond with 200 if the plan is up to date, or with 503 and the reasons if it is not."""
        view, outage = self._view(), self._options.outage()
        if outage is not None and not any(each.kind is outage.kind for each in view.waits):
            view = replace(view, waits=(outage, *view.waits))
        return PlainTextResponse(readiness_text(view), 200 if view.ready else 503)

    def _view(self) -> ServiceView:
        return self._store.read()[1]

    async def _page(
        self, request: Request, sources: tuple[object, ...], render: Callable[[], str | None]
    ) -> Response:
        """Return an HTML page as a response, or the 404 page if the page does not exist."""
        found = await self._document(request, sources, lambda: _encoded(render()), _HTML)
        if found.status_code == HTTPStatus.NOT_FOUND:
            return HTMLResponse(
                self._content.missing_page(request.scope["path"]), found.status_code
            )
        return found

    async def _document(
        self,
        request: Request,
        sources: tuple[object, ...],
        render: Callable[[], bytes | None],
        content_type: str,
        *,
        key: str = "",
        cache: str = REVALIDATE,
        absent: str = "",
    ) -> Response:
        """Return a rendered document as a response.

        *key* identifies the document; if *key* is empty, the path and the query identify the
        document. If the document does not exist, the response is 503 with the text *absent*, or
        404 if *absent* is empty.
        """
        scope = request.scope
        key = key or f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        rendered = await self._cache.get(scope["endpoint"].__name__, key, sources, render)
        if rendered is None:
            return PlainTextResponse(absent, 503) if absent else _not_found()
        return conditional_response(request, rendered, content_type, cache=cache)


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _not_found() -> Response:
    return PlainTextResponse("Not Found", 404)
