"""Request and Response: the HTTP messages of the simulated API server."""

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
    """The name and the groups of a user who sends API requests."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request to the simulated API server, with header names in lower case."""

    method: str
    path: str
    """The decoded path of the URL, without the query."""
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: User | None = None
    """The user who sends the request, or None if the bearer token determines the user."""

    def param(self, name: str) -> str:
        """Returns a query parameter, or an empty string if it is absent."""
        return next((value for key, value in self.query if key == name), "")

    def params(self, name: str) -> list[str]:
        """Returns all values of a query parameter, which can occur more than once."""
        return [value for key, value in self.query if key == name]

    def flag(self, name: str) -> bool:
        """Returns whether a query parameter is true."""
        return self.param(name) in _TRUE

    def header(self, name: str) -> str:
        """Returns a request header, or an empty string if it is absent."""
        return self.headers.get(name.lower(), "")

    @property
    def media_type(self) -> str:
        """The content type of the request body, without parameters."""
        return self.header("content-type").partition(";")[0].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A complete HTTP response to a request other than a watch."""

    status: int
    headers: Headers = (("Content-Type", JSON_TYPE),)
    body: bytes = b""
    delay_s: float = 0.0
    """How long the HTTP server waits before it sends the response, in simulated seconds."""
    n_listed: int = 0
    """The number of objects in the response if it is a list."""

    def header(self, name: str) -> str:
        """Returns the first header with this name (in any case), or an empty string if absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """The log entry for an API request, with the HTTP status of the response."""

    method: str
    path: str
    query: str
    status: int
    user: str
    user_agent: str
    content_type: str
    """The media type of the request body, or an empty string without a body."""
    at: datetime
    """The simulated time of the request."""


def parse_query(raw: str) -> tuple[tuple[str, str], ...]:
    """Splits a raw query string into decoded (name, value) pairs."""
    return tuple(parse_qsl(raw, keep_blank_values=True))


def json_response(status: int, body: Json, *, warnings: list[str] | None = None) -> Response:
    """Builds a response with a JSON body and one Warning header per warning."""
    return Response(status=status, headers=_headers(JSON_TYPE, warnings or []), body=encode(body))


def bytes_response(status: int, body: bytes, content_type: str = JSON_TYPE) -> Response:
    """Returns a response whose body is already encoded."""
    return Response(status=status, headers=_headers(content_type, []), body=body)


def text_response(status: int, text: str) -> Response:
    """Returns a response with a plain-text body."""
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


NO_SUCH_PAGE: Final = text_response(404, "404 page not found\n")
"""The response to a request for a path that the API server does not serve."""
