"""``HttpGitServer``: serves Git repositories with git-http-backend over HTTP or HTTPS."""

from __future__ import annotations

import os
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


def basic(user: str, password: str) -> str:
    """Return the Authorization header for HTTP basic authentication."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@dataclass(kw_only=True)
class HttpGitServer:
    """The settings of a Git HTTP server, and the requests that it received."""

    root: Path
    """The directory that contains the repositories."""
    scheme: str = "http"
    host: str = "localhost"
    port: int = 0
    authorization: str = ""
    """The Authorization header that requests must have, or an empty string if none is required."""
    refusal: int = 401
    """The HTTP status of the response to a request with a wrong Authorization header."""
    redirect: str = ""
    """The URL prefix to which all requests are redirected, or an empty string for no redirect."""
    on_request: Callable[[], None] | None = None
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """The method, the path and the headers of each received request."""

    @property
    def url(self) -> str:
        """The URL of the Git server, without a trailing slash."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def headers(self, name: str) -> list[str]:
        """Return the values of one header in all received requests."""
        return [headers[name] for _, _, headers in self.requests if name in headers]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    settings: HttpGitServer

    def log_message(self, *_: object) -> None:
        """Suppress the request log."""

    def do_GET(self) -> None:
        """Respond to a Git request that lists references."""
        self._handle(b"")

    def do_POST(self) -> None:
        """Respond to a Git request for objects."""
        self._handle(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _handle(self, body: bytes) -> None:
        server = self.settings
        given = {name.lower(): value for name, value in self.headers.items()}
        server.requests.append((self.command, self.path, given))
        if server.on_request is not None:
            server.on_request()
        if server.redirect:
            self._send(302, {"Location": server.redirect + self.path}, b"")
        elif server.authorization and given.get("authorization") != server.authorization:
            is_first = "authorization" not in given
            challenge = {"WWW-Authenticate": 'Basic realm="git"'}
            self._send(401 if is_first else server.refusal, challenge, b"")
        else:
            self._backend(body)

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.settings.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200").split()[0])
        self._send(status, headers, content)

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Suppress the error message when a client closes its connection."""


@contextmanager
def http_server(
    root: Path, *, tls: ssl.SSLContext | None = None, **settings: object
) -> Iterator[HttpGitServer]:
    """Serve the Git repositories below *root* on a free port of this machine."""
    found = HttpGitServer(root=root, scheme="https" if tls else "http", **settings)
    handler = type("Handler", (_Handler,), {"settings": found})
    with _Server(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()
