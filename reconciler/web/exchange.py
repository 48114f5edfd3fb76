"""``exchange``: sends one HTTP request, and returns the answer.

Redirects are never followed, so that credentials only go to the configured host. No error contains
the address or the headers of the request.
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
"""The errors after which the server has certainly not received the request."""


class ExchangeError(Exception):
    """No complete answer arrived; the message, such as ``no answer``, follows "got"."""

    def __init__(self, message: str, *, received: bool) -> None:
        super().__init__(message)
        self.received = received
        """Whether the server may have received the request."""


class TooLargeError(ExchangeError):
    """The answer is larger than the permitted size; a retry would not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request; the address may be a secret."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """The answer of a server; the names of the headers are in lower case."""

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
    """Send a request once, and return the answer with any status.

    Args:
        pool: The connections, which have their own time-outs.
        request: The request.
        clock: Measures the time.
        most_s: The longest time in seconds in which the body must arrive.
        most_bytes: The maximum size of the body.
        truncate: Whether a larger body is cut instead of an error.

    Raises:
        ExchangeError: No complete answer arrived, or it is too large.
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
                    raise TooLargeError("an answer that is too large", received=True)
                if clock.monotonic() > ends_at:
                    raise ExchangeError("an answer that was not complete in time", received=True)
        finally:
            response.close()
    except HTTPError as error:
        # The text of the error may contain the request, so only its kind is shown.
        reason = getattr(error, "reason", None)
        kind = reason if isinstance(reason, Exception) else error
        raise ExchangeError(
            f"no answer: {type(kind).__name__}",
            received=not isinstance(kind, _UNSENT) and not isinstance(error, _UNSENT),
        ) from None
    return HttpAnswer(
        status=response.status,
        headers={name.lower(): value for name, value in response.headers.items()},
        body=b"".join(parts),
    )


def retry_after_s(text: str, clock: Clock, *, otherwise_s: float) -> float:
    """Return the seconds in a Retry-After header, which may also contain a date.

    *otherwise_s* is the result for a header that cannot be read.
    """
    if text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
        return max(0.0, at.timestamp() - clock.now().timestamp())
    except (ValueError, OverflowError):
        return otherwise_s
