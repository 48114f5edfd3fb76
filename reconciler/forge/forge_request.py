"""``ForgeRequest`` and ``ForgeAnswer``: one HTTP request to a Git host, and the response."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.escaping import json_text, printable


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeRequest:
    """One HTTP request to the API of a Git host (GitHub, GitLab, …)."""

    method: str
    path: str
    """The URL path below the API's base URL; names in the path are percent-encoded."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    repeatable: bool = True
    """Whether sending the request twice has the same effect as sending it once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeAnswer:
    """The HTTP response of a Git host (GitHub, GitLab, …) to one API request."""

    status: int
    headers: Mapping[str, str]
    """The HTTP response headers by lower-case name."""
    body: bytes


def request_text(request: ForgeRequest, base_url: str, headers: Mapping[str, str]) -> str:
    """Format an API request for ``--dry-run``; *headers* must not contain the access token."""
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    url = f"{base_url}{request.path}{f'?{query}' if query else ''}"
    lines = [f"{request.method} {printable(url)}"]
    lines.extend(f"{name}: {printable(value)}" for name, value in headers.items())
    if request.body is not None:
        body = json.dumps(request.body, ensure_ascii=False, indent=2)
        lines += ["", json_text(body)]
    return "\n".join((*lines, ""))
