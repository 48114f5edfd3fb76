"""``Transport``: sends one HTTP request with the credentials of the ``kubernetes`` library.

A request is repeated only after status 401, which means that the server did not execute the
request, and only if newer credentials have been loaded.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeAlias

from reconciler import __version__
from reconciler.cluster.api import (
    api_errors,
    resource_paths,
    response_body,
    response_deadline,
)
from reconciler.errors import ClusterError, ReconcilerError, UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.cluster.api.api_errors import Answer
    from reconciler.cluster.api.kubernetes_protocols import Api, Response

log = logging.getLogger(__name__)
requests = logging.getLogger("reconciler.requests")
"""The logger that writes one debug line per API request, without query, headers or body."""

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
_WARNING = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')
_DAY_S = 86_400.0
_CONNECT_S = 10.0
"""The maximum time to connect to one IP address, including the TLS handshake, in seconds."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the API server."""

    method: str
    """The HTTP method, or WATCH for a GET request that starts a watch."""
    path: str
    query: Mapping[str, str] | None = None
    body: object = None
    accept: str = JSON
    """The media types that the client accepts."""

    @property
    def verb(self) -> str:
        """The HTTP method of the request, which is GET for a watch."""
        return "GET" if self.method == "WATCH" else self.method


RequestCounter: TypeAlias = Callable[[str, int | None], None]
"""Called with a request's verb, and the response status or None if no response arrived."""


class Timekeeper(Protocol):
    """Receives the time of the API server from the Date header of each response."""

    def monotonic(self) -> float:
        """Return the monotonic time in seconds."""
        ...

    def adjust(self, date: datetime, *, asked_at: float, server: str) -> None:
        """Record the Date header of a response, and when its request was sent.

        *asked_at* is the monotonic time when the request was sent. *server* is the host and port
        of the server.
        """
        ...


class Transport:
    """Sends requests to one API server; safe to use from several threads.

    Args:
        renewed: Loads the configuration and the credentials again after status 401; None disables
            this.
        timekeeper: Receives the Date header of each response.
        counted: Is called after each request with its Kubernetes verb and the status of the
            response, or with None if no response arrived.
    """

    def __init__(
        self,
        api: Api,
        *,
        timeout_s: float,
        renewed: Callable[[], Api] | None = None,
        timekeeper: Timekeeper | None = None,
        counted: RequestCounter | None = None,
    ) -> None:
        self._api = _named(api)
        self._timeout_s = timeout_s
        self._renewed = renewed
        self._timekeeper = timekeeper
        self._counted = counted
        self._renewing = threading.Lock()
        self.host = api_errors.safe_host(api.configuration.host)
        """The server's host and port, safe to print."""

    def close(self) -> None:
        """Close every idle connection."""
        self._api.close()

    def exchange(self, request: Request, timeout_s: float | None = None) -> Answer:
        """Send an HTTP request, and return the response for every status code.

        Raises:
            UnreachableError: No response arrived; a write might have taken effect.
        """
        return self.finish(self.open(request, timeout_s), request)

    def finish(self, response: Response, request: Request) -> Answer:
        """Read the rest of the response body, and return the complete response.

        Raises:
            UnreachableError: The connection broke before the end of the body.
            ClusterError: The body is too large or cannot be decompressed.
        """
        with self._reading(response, request):
            content = response_body.whole(response)
        return _answer(request, response, content)

    def chunks(self, response: Response, request: Request) -> Iterator[bytes]:
        """Yield the response body in pieces, as they arrive.

        Raises:
            UnreachableError: The connection broke before the end of the body.
            ClusterError: The body cannot be decompressed.
        """
        with self._reading(response, request):
            yield from response_body.pieces(response)

    @contextmanager
    def _reading(self, response: Response, request: Request) -> Iterator[None]:
        """Context manager: convert read errors to ``ClusterError``, and release the connection."""
        try:
            yield
        except response_body.UnusableBodyError as error:
            response.close()
            place = f"{resource_paths.spoken(request.path)} at {self.host}"
            raise ClusterError(
                f"the response to {request.verb} {place} cannot be read: {error}",
                hint="check that `server` in the kubeconfig is the URL of a Kubernetes API "
                "server, and check each proxy on the connection",
            ) from error
        except Exception as error:
            raise self._unreachable(error, request) from error
        finally:
            response.release_conn()

    def open(self, request: Request, timeout_s: float | None = None) -> Response:
        """Send an HTTP request, and return the response before its body is read.

        *timeout_s* limits the whole time from the start of the connection to the end of the body.

        Raises:
            UnreachableError: No response arrived; a write might have taken effect.
        """
        api = self._api
        response = self._open(api, request, timeout_s)
        if response.status == HTTPStatus.UNAUTHORIZED and self._renew(api, request.path):
            self.finish(response, request)
            response = self._open(self._api, request, timeout_s)
        return response

    def _renew(self, used: Api, path: str) -> bool:
        """Load the credentials again after status 401; return whether they are new."""
        if self._renewed is None:
            return False
        with self._renewing:
            if self._api is not used:
                return True  # another thread has read the credentials again
            try:
                self._api = _named(self._renewed())
            except ReconcilerError as error:
                log.warning("cannot load the credentials again: %s", error)
                return False
        log.info("loaded the credentials again after a 401 response", extra={"path": path})
        return True

    def _open(self, api: Api, request: Request, timeout_s: float | None) -> Response:
        """Send an HTTP request once and count it; return the response with an unread body."""
        try:
            response = self._sent(api, request, timeout_s)
        except ReconcilerError:
            self._count(request, None)
            raise
        self._count(request, response.status)
        return response

    def _count(self, request: Request, status: int | None) -> None:
        if self._counted is not None:
            self._counted(resource_paths.api_verb(request.method, request.path), status)

    def _sent(self, api: Api, request: Request, timeout_s: float | None) -> Response:
        method, verb = request.method, request.verb
        headers = {"Accept": request.accept}
        if method == "GET":
            # A list of 10,000 VMs has 28 MB, and 2 MB with gzip. A watch is never compressed.
            headers["Accept-Encoding"] = "gzip"
        if request.body is not None:
            # Without this header, the library sends a patch, or a patch that is not a list, as a
            # merge patch.
            headers["Content-Type"] = JSON_PATCH if verb == "PATCH" else "application/json"
        asked_at = self._timekeeper.monotonic() if self._timekeeper else 0.0
        try:
            call = api.param_serialize(
                verb,
                request.path,
                query_params=list((request.query or {}).items()),
                header_params=headers,
                body=request.body,
                auth_settings=["BearerToken"],
            )
            limit_s = timeout_s or self._timeout_s
            with response_deadline.ending_at(monotonic() + limit_s):
                limits = (min(limit_s / 3, _CONNECT_S), limit_s)
                response = api.call_api(*call, _request_timeout=limits).response
        except ValueError as error:
            # http.client quotes the header that it rejects; `from None` hides the token.
            if isinstance(error, UnicodeError) or "header" in str(error).lower():
                raise UnauthorizedError(
                    "the token contains a character that is not allowed in an HTTP header",
                    hint="set a token without line breaks",
                ) from None
            raise self._unreachable(error, request) from None
        except Exception as error:
            raise self._unreachable(error, request) from error
        took_s = self._timekeeper.monotonic() - asked_at if self._timekeeper else 0.0
        requests.debug("%s %s: %d in %.3f s", verb, request.path, response.status, took_s)
        if self._timekeeper and (date := _date(response.headers.get("Date"))):
            self._timekeeper.adjust(date, asked_at=asked_at, server=self.host)
        return response

    def _unreachable(self, error: Exception, request: Request) -> ClusterError:
        return api_errors.from_exception(error, request.verb, request.path, self.host)


def _named(api: Api) -> Api:
    api.user_agent = f"reconciler/{__version__}"
    return api


def _answer(request: Request, response: Response, content: bytes) -> Answer:
    headers = response.headers
    texts = (
        re.sub(r"\\(.)", r"\1", text)
        for line in headers.getlist("Warning")
        for text in _WARNING.findall(line)
    )
    return api_errors.Answer(
        method=request.verb,
        path=request.path,
        status=response.status,
        body=content,
        reason=response.reason or "",
        warnings=tuple(dict.fromkeys(text for text in texts if text.strip())),
        retry_after_s=_seconds(headers.get("Retry-After")),
    )


def _date(text: str | None) -> datetime | None:
    """Parse a Date header; return None if the header is absent or unreadable."""
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _seconds(text: str | None) -> float | None:
    """Parse a Retry-After header as seconds, at most one day; return None if it is not a number.

    API servers send no date in this header.
    """
    if not (text and text.isascii() and text.isdigit()):
        return None
    return min(float(text), _DAY_S)
