"""``FakeServer``: a local HTTP server that stores requests, and whose responses a test sets."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from support.forges.received import Answer, Received, handler_of

if TYPE_CHECKING:
    import ssl


class FakeServer:
    """An HTTP server on 127.0.0.1; by default it responds with status 200 and an empty object."""

    def __init__(self, answer: Answer | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.answer: Answer = answer or (lambda _received: (200, {}, {}))
        self.requests: list[Received] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self._answer))
        self._server.daemon_threads = True
        # A client may close its connection before it has read the whole response.
        self._server.handle_error = lambda *_: None
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, received: Received) -> tuple[int, dict[str, str], object]:
        self.requests.append(received)
        return self.answer(received)
