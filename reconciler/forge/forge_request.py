"""``ForgeRequest`` and ``ForgeAnswer``: one HTTP request to a forge, and the response."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.escaping import json_text, printable


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeRequest:
    """A request to the API of a forge."""

    method: str
    path: str
    """The path below the base URL, in which every name is percent-encoded."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    repeatable: bool = True
    """Whether sending the request twice has the same effect as once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeAnswer:
    """A forge's response to one request."""

    status: int
    headers: Mapping[str, str]
    """The response headers, with lower-case names."""
    body: bytes


def request_text(request: ForgeRequest, base_url: str, headers: Mapping[str, str]) -> str:
    """Return a request as text for ``--dry-run``; the headers contain no token."""
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    url = f"{base_url}{request.path}{f'?{query}' if query else ''}"
    lines = [f"{request.method} {printable(url)}"]
    lines.extend(f"{name}: {printable(value)}" for name, value in headers.items())
    if request.body is not None:
        body = json.dumps(request.body, ensure_ascii=False, indent=2)
        lines += ["", json_text(body)]
    return "\n".join((*lines, ""))
