"""``ask``: sends one request to an ASGI application in process, without a network."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from support.serving.raw_http import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def ask(
    app: Any,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] = b"",
) -> Answer:
    """Return the response of *app* to one request.

    Args:
        app: The ASGI application.
        path: The path, and a query after ``?``.
        headers: The headers besides ``Host``.
        body: The body, or the chunks in which it arrives. If the chunks end with None, the
            client disconnects after the last chunk.
    """
    pieces = [body] if isinstance(body, bytes) else list(body)
    return asyncio.run(_ask(app, path, method, _with_host(headers or {}), pieces))


def _with_host(headers: Mapping[str, str]) -> dict[str, str]:
    return {"host": "localhost", **{name.lower(): value for name, value in headers.items()}}


async def _ask(app, path, method, headers, pieces) -> Answer:
    raw_path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": raw_path,
        "raw_path": raw_path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    sent: list[dict[str, Any]] = []
    waiting = list(pieces)

    async def receive() -> dict[str, Any]:
        if not waiting or waiting[0] is None:
            return {"type": "http.disconnect"}
        piece = waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if not sent:
        return Answer(status=0, headers={}, body=b"")
    start, *parts = sent
    return Answer(
        status=start["status"],
        headers={name.decode(): value.decode("latin-1") for name, value in start["headers"]},
        body=b"".join(each.get("body", b"") for each in parts) if method != "HEAD" else b"",
    )
