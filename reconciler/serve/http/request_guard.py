"""``RequestGuard``: checks the Host header of each request, and adds security headers.

A web page of an attacker can make a browser connect to a server on the loopback interface or in
a private network, if the attacker's host name resolves to that server's address (DNS
rebinding). The browser then sends the attacker's name in the ``Host`` header, so unknown names
are rejected.
"""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse

from reconciler.escaping import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

ANY_HOST: Final = "*"
_MAX_HEADERS: Final = 100
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types live-page"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_NOT_PERMITTED: Final = (
    "the Host header contains a host name that is not permitted; permit it with --allowed-host\n"
)


class RequestGuard:
    """An ASGI application that checks requests and passes them to another application.

    Args:
        app: The wrapped application.
        hosts: The host names that clients can use, besides IP addresses and ``localhost``.
            ``*.example.org`` includes all subdomains, ``*`` all names.
        head_bytes: The maximum size of the request line and all headers together.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], head_bytes: int) -> None:
        self._app = app
        self._hosts = frozenset(each.lower().rstrip(".") for each in hosts)
        self._head_bytes = head_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one HTTP request, and pass it on to the wrapped application."""
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        rejection = self._rejection(scope)
        if rejection is not None:
            await rejection(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, receive, send_guarded)
        except ClientDisconnect:
            return
        except Exception:
            log.exception(
                "the HTTP request %s %s failed because of a bug in reconciler",
                scope["method"],
                printable(scope["path"]),
            )
            if not started:
                failure = PlainTextResponse(
                    "internal server error; the log of the server contains the details\n", 500
                )
                await failure(scope, receive, send_guarded)

    def _rejection(self, scope: Scope) -> PlainTextResponse | None:
        raw = scope["headers"]
        n_bytes = sum(len(name) + len(value) for name, value in raw)
        n_bytes += len(scope.get("raw_path", b"")) + len(scope["query_string"])
        if n_bytes > self._head_bytes or len(raw) > _MAX_HEADERS:
            return PlainTextResponse("the request headers are too large\n", 431)
        if not self.allows(Headers(scope=scope).get("host", "")):
            return PlainTextResponse(_NOT_PERMITTED, 421)
        return None

    def allows(self, host: str) -> bool:
        """Return whether the ``Host`` header of a request contains a permitted host name."""
        name = _without_port(host).lower().rstrip(".")
        if ANY_HOST in self._hosts or name in self._hosts or name == "localhost":
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            parents = name.split(".")[1:]
            return any(
                f"*.{'.'.join(parents[start:])}" in self._hosts for start in range(len(parents))
            )
        return True


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host
