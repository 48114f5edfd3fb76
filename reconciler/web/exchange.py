"""``exchange``: sends one HTTP request, and returns the response.

Redirects are never followed, so that credentials are sent only to the configured host. No error
contains the URL or the headers of the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ProxyError,
)

if TYPE_CHECKING:
    from reconciler.ports import Clock
    from reconciler.web.connection_pool import Pool

_CHUNK = 1 << 16
_UNSENT = (NewConnectionError, ConnectTimeoutError, LocationValueError, ProxyError)
"""The exceptions after which the server has certainly not received the request."""


class ExchangeError(Exception):
    """No complete HTTP response arrived; the message is a noun phrase, such as ``no answer``."""

    def __init__(self, message: str, *, received: bool) -> None:
        super().__init__(message)
        self.received = received
        """Whether the server might have received the HTTP request."""


class TooLargeError(ExchangeError):
    """An HTTP response is larger than the permitted size; a retry would not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One HTTP request; the URL can be a secret."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """The HTTP response of a server; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def exchange(
    pool: Pool,
    request: HttpRequest,
    *,
    clock: Clock,
    most_s: float,
    most_bytes: int,
    truncate: bool = False,
) -> HttpAnswer:
    """Send an HTTP request once, and return the response regardless of its status.

    Args:
        pool: The connection pool, which has its own timeouts.
        request: The request.
        clock: Measures the time.
        most_s: The maximum time in seconds to receive the body.
        most_bytes: The maximum size of the body in bytes.
        truncate: Whether to cut a larger body instead of raising an error.

    Raises:
        ExchangeError: No complete response arrived, or the response is too large.
    """
    ends_at = clock.monotonic() + most_s
    try:
        response = pool.request(
            request.method,
            request.url,
            body=request.body,
            headers=request.headers,
            redirect=False,
            preload_content=False,
        )
        try:
            parts, n_bytes = [], 0
            for part in response.stream(_CHUNK):
                parts.append(part)
                n_bytes += len(part)
                if n_bytes > most_bytes and truncate:
                    break
                if n_bytes > most_bytes:
                    raise TooLargeError("the response is too large", received=True)
                if clock.monotonic() > ends_at:
                    raise ExchangeError("the response was not complete in time", received=True)
        finally:
            response.close()
    except HTTPError as error:
        # The text of the error may contain the request, so only its kind is shown.
        reason = getattr(error, "reason", None)
        kind = reason if isinstance(reason, Exception) else error
        raise ExchangeError(
            f"no response ({type(kind).__name__})",
            received=not isinstance(kind, _UNSENT) and not isinstance(error, _UNSENT),
        ) from None
    return HttpAnswer(
        status=response.status,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=b"".join(parts),
    )


def retry_after_s(text: str, clock: Clock, *, otherwise_s: float) -> float:
    """Convert the value of a Retry-After header (seconds or a date) to a number of seconds.

    *otherwise_s* is the result for a value that cannot be parsed.
    """
    if text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
        return max(0.0, at.timestamp() - clock.now().timestamp())
    except (ValueError, OverflowError):
        return otherwise_s
