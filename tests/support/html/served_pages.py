"""Serves the status pages of ``serve`` over HTTP for tests."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.fake_ports import FakeClock

from reconciler.report.metrics.exposition import MetricsText
from reconciler.serve.http.event_stream import StreamLimits
from reconciler.serve.http.face_app import FaceOptions, face_app
from reconciler.serve.http.http_server import HttpServer, Listener
from reconciler.serve.http.listen_address import ListenAddress
from reconciler.serve.live_pages import live_pages
from reconciler.serve.view_store import ViewStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.service.view import ServiceView
    from reconciler.serve.http.face_content import FaceContent


@dataclass(frozen=True)
class ServedPages:
    """A server of the status pages, whose displayed state a test can change."""

    store: ViewStore
    port: int

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def content() -> FaceContent:
    return live_pages(lambda *_: MetricsText(content=b"", content_type="text/plain"))


@contextmanager
def served_pages(view: ServiceView) -> Iterator[ServedPages]:
    """Serve the status pages of *view*, and send updates almost without delay."""
    store = ViewStore(view, FakeClock())
    with serving(store) as port:
        yield ServedPages(store=store, port=port)


@contextmanager
def serving(store: ViewStore, port: int = 0) -> Iterator[int]:
    """Serve the newest state in a store on a port, by default a free one; yield the port."""
    options = FaceOptions(streams=StreamLimits(interval_s=0.01, retry_s=0.05))
    app = face_app(store, content(), options)
    address = ListenAddress(host="127.0.0.1", port=port)
    with HttpServer(Listener(option="--listen", address=address, app=app)) as server:
        yield server.addresses[0].port
