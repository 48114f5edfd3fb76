"""``Received``: an HTTP request that a local server received, and the server's handler."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Received:
    """An HTTP request that a local server received, with its JSON body decoded."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: object

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


Answer = Callable[[Received], tuple[int, dict[str, str], object]]
"""A function that returns the response's status, headers and JSON body for a request."""


def handler_of(answer: Answer) -> type[BaseHTTPRequestHandler]:
    """Build an HTTP request handler that sends the responses that *answer* returns."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", "0"))
            content = self.rfile.read(length)
            received = Received(
                method=self.command,
                path=url.path,
                query=dict(parse_qsl(url.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=json.loads(content) if content else None,
            )
            try:
                status, headers, body = answer(received)
            except Exception as error:  # noqa: BLE001 - the test sees the error as a response
                status, headers, body = 418, {}, {"message": f"the test's server: {error}"[:280]}
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server

        def log_message(self, *_text) -> None:
            pass

    return Handler
