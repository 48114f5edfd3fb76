"""Requests and answers of the API server, free of any transport."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from reconciler.simulator.encoding.json_codec import Json, encode

Headers: TypeAlias = tuple[tuple[str, str], ...]

JSON_TYPE: Final = "application/json"
PLAIN_TYPE: Final = "text/plain; charset=utf-8"
_TRUE: Final = frozenset({"1", "true", "True", "t", "T", "TRUE"})


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; header names are lower case."""

    method: str
    path: str
    """Decoded, without the query."""
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: User | None = None
    """Who asks, where the caller is trusted to know (in process); None: look at the token."""

    def param(self, name: str) -> str:
        """Returns a query parameter, empty if absent."""
        return next((value for key, value in self.query if key == name), "")

    def params(self, name: str) -> list[str]:
        """Returns every value of a query parameter."""
        return [value for key, value in self.query if key == name]

    def flag(self, name: str) -> bool:
        """Reads a boolean query parameter."""
        return self.param(name) in _TRUE

    def header(self, name: str) -> str:
        """Returns a header, empty if absent."""
        return self.headers.get(name.lower(), "")

    @property
    def media_type(self) -> str:
        """The content type without parameters."""
        return self.header("content-type").partition(";")[0].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A complete answer."""

    status: int
    headers: Headers = (("Content-Type", JSON_TYPE),)
    body: bytes = b""
    delay_s: float = 0.0
    """Simulated seconds that the transport waits before it answers (a fault, or the pace)."""
    n_listed: int = 0
    """How many objects a list holds."""

    def header(self, name: str) -> str:
        """Returns the first header of that name (any case), empty if absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """What the request log keeps of one request."""

    method: str
    path: str
    query: str
    status: int
    user: str
    user_agent: str
    content_type: str
    body_bytes: int
    response_bytes: int
    """0 for a watch."""
    at: datetime
    """Simulated time."""


def parse_query(raw: str) -> tuple[tuple[str, str], ...]:
    """Splits a raw query string into decoded pairs."""
    return tuple(parse_qsl(raw, keep_blank_values=True))


def json_response(status: int, body: Json, *, warnings: list[str] | None = None) -> Response:
    """Answers with a JSON object; each warning becomes a Warning header."""
    return Response(status=status, headers=_headers(JSON_TYPE, warnings or []), body=encode(body))


def bytes_response(status: int, body: bytes, content_type: str = JSON_TYPE) -> Response:
    """Answers with bytes that are encoded already."""
    return Response(status=status, headers=_headers(content_type, []), body=body)


def counted(response: Response, n_listed: int) -> Response:
    """The same answer, which says how many objects it lists."""
    return replace(response, n_listed=n_listed)


def text_response(status: int, text: str) -> Response:
    """Answers with plain text."""
    return bytes_response(status, text.encode(), PLAIN_TYPE)


def _headers(content_type: str, warnings: list[str]) -> Headers:
    # A client shows a repeated warning once; the server sends it once.
    unique = dict.fromkeys(warnings)
    return (
        ("Content-Type", content_type),
        *(("Warning", f"299 - {_quoted(text)}") for text in unique),
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'
