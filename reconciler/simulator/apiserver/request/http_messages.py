"""Requests and responses of the API server, independent of the transport."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    """The user of a request, with its groups."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; header names are lower case."""

    method: str
    path: str
    """The decoded path, without the query."""
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: User | None = None
    """The user, as a trusted caller in process names it; None: the token decides."""

    def param(self, name: str) -> str:
        """Returns a query parameter, empty if absent."""
        return next((value for key, value in self.query if key == name), "")

    def params(self, name: str) -> list[str]:
        """Returns every value of a query parameter."""
        return [value for key, value in self.query if key == name]

    def flag(self, name: str) -> bool:
        """Returns a boolean query parameter."""
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
    """A complete response."""

    status: int
    headers: Headers = (("Content-Type", JSON_TYPE),)
    body: bytes = b""
    delay_s: float = 0.0
    """The simulated seconds that the transport waits before it sends the response."""
    n_listed: int = 0
    """The number of objects in a list."""

    def header(self, name: str) -> str:
        """Returns the first header of that name (any case), empty if absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """An entry of the request log."""

    method: str
    path: str
    query: str
    status: int
    user: str
    user_agent: str
    content_type: str
    body_bytes: int
    response_bytes: int
    """The size of the response body; 0 for a watch."""
    at: datetime
    """The simulated time of the request."""


def parse_query(raw: str) -> tuple[tuple[str, str], ...]:
    """Splits a raw query string into decoded pairs."""
    return tuple(parse_qsl(raw, keep_blank_values=True))


def json_response(status: int, body: Json, *, warnings: list[str] | None = None) -> Response:
    """Returns a response with a JSON object; each warning becomes a Warning header."""
    return Response(status=status, headers=_headers(JSON_TYPE, warnings or []), body=encode(body))


def bytes_response(status: int, body: bytes, content_type: str = JSON_TYPE) -> Response:
    """Returns a response with a body that is already encoded."""
    return Response(status=status, headers=_headers(content_type, []), body=body)


def text_response(status: int, text: str) -> Response:
    """Returns a response with plain text."""
    return bytes_response(status, text.encode(), PLAIN_TYPE)


def _headers(content_type: str, warnings: list[str]) -> Headers:
    # The server sends a repeated warning only once.
    unique = dict.fromkeys(warnings)
    return (
        ("Content-Type", content_type),
        *(("Warning", f"299 - {_quoted(text)}") for text in unique),
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'
