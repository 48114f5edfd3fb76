"""One request, one answer: authentication by the ``kubernetes`` library, raw bodies.

No retry but one: a 401 says that nothing was done, so any request is sent again with credentials
that were read anew.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from reconciler import __version__
from reconciler.cluster.api import api_errors
from reconciler.errors import ReconcilerError, UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from reconciler.cluster.api.api_errors import Answer
    from reconciler.cluster.api.kubernetes_protocols import Api, Response

log = logging.getLogger(__name__)

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
_WARNING = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')
_CONNECT_S = 10.0
_CHUNK = 1 << 18


@dataclass(slots=True)
class Counters:
    """What the client has sent and received so far."""

    requests: dict[str, int] = field(default_factory=dict)
    """By method; a watch counts as WATCH."""
    retries: int = 0
    n_bytes: int = 0
    """Bytes of answers' bodies."""

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.requests.values())


class Timekeeper(Protocol):
    """Whoever wants to know what time the server has."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment."""
        ...

    def heard(self, date: datetime, *, asked_at: float) -> None:
        """Take notice of an answer's Date, and of when the request was sent, by ``monotonic``."""
        ...


class Transport:
    """Requests to one API server; safe to use from several threads.

    Args:
        renewed: Reads the configuration anew, credentials and all; None keeps what there is.
        timekeeper: Is told the Date of each answer.
    """

    def __init__(
        self,
        api: Api,
        *,
        timeout_s: float,
        renewed: Callable[[], Api] | None = None,
        timekeeper: Timekeeper | None = None,
    ) -> None:
        self._api = _named(api)
        self._timeout_s = timeout_s
        self._renewed = renewed
        self._timekeeper = timekeeper
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self.host = api_errors.safe_host(api.configuration.host)
        """The server's host and port, fit to be shown."""
        self.counters = Counters()

    def close(self) -> None:
        """Close every idle connection."""
        self._api.close()

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        timeout_s: float | None = None,
        accept: str = JSON,
    ) -> Answer:
        """Send one request, once, and hand back the answer, whatever its status.

        A body of a PATCH must be a list: it is a JSON Patch, always.

        Args:
            method: Of the request.
            path: Of the request.
            query: Of the request.
            body: Sent as JSON; None for no body.
            timeout_s: The longest to wait for the answer.
            accept: The media types that the answer may have.

        Raises:
            UnreachableError: No answer came; a write may have landed nonetheless.
        """
        response = self.open(method, path, query, body, timeout_s, accept=accept)
        return self.finish(response, method, path)

    def finish(self, response: Response, method: str, path: str) -> Answer:
        """Read *response* to its end.

        Raises:
            UnreachableError: It broke off.
        """
        try:
            content = response.data
        except Exception as error:
            raise api_errors.from_exception(error, method, path, self.host) from error
        finally:
            response.release_conn()
        self.received(len(content))
        return _answer(method, path, response, content)

    def chunks(self, response: Response, method: str, path: str) -> Iterator[bytes]:
        """The body of *response* in pieces, as they come.

        Raises:
            UnreachableError: It broke off.
        """
        try:
            while chunk := response.read1(_CHUNK):
                self.received(len(chunk))
                yield chunk
        except Exception as error:
            raise api_errors.from_exception(error, method, path, self.host) from error
        finally:
            response.release_conn()

    def open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        timeout_s: float | None = None,
        *,
        accept: str = JSON,
    ) -> Response:
        """Send one request, once; the answer's body is still to be read.

        The method WATCH is a GET that is counted by itself; *timeout_s* bounds each wait for the
        server, not the whole answer.

        Raises:
            UnreachableError: No answer came; a write may have landed nonetheless.
        """
        api = self._api
        response = self._open(api, method, path, query, body, timeout_s, accept)
        if response.status == HTTPStatus.UNAUTHORIZED and self._renew(api, path):
            self.finish(response, method, path)
            response = self._open(self._api, method, path, query, body, timeout_s, accept)
        return response

    def _renew(self, used: Api, path: str) -> bool:
        """Whether the credentials were read anew since *used* was built from them."""
        if self._renewed is None:
            return False
        with self._renewing:
            if self._api is not used:
                return True  # another thread was refused too, and was faster
            try:
                self._api = _named(self._renewed())
            except ReconcilerError as error:
                log.warning("cannot read the credentials again: %s", error)
                return False
        log.info("a request was answered 401, read the credentials anew", extra={"path": path})
        return True

    def _open(
        self,
        api: Api,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: object,
        timeout_s: float | None,
        accept: str,
    ) -> Response:
        wait_s = timeout_s or self._timeout_s
        with self._lock:
            self.counters.requests[method] = self.counters.requests.get(method, 0) + 1
        verb = "GET" if method == "WATCH" else method
        headers = {"Accept": accept}
        if body is not None:
            # The library turns a patch without this header, or one that is no list, into a merge.
            headers["Content-Type"] = JSON_PATCH if verb == "PATCH" else JSON
        asked_at = self._timekeeper.monotonic() if self._timekeeper else 0.0
        try:
            request = api.param_serialize(
                verb,
                path,
                query_params=list((query or {}).items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            response = api.call_api(*request, _request_timeout=_split(wait_s, method))
        except ValueError as error:
            # http.client quotes a header that it refuses: `from None` keeps the token unseen.
            if "header" in str(error).lower():
                raise UnauthorizedError(
                    "the token holds a character that no HTTP header may hold",
                    hint="write the token again, without line breaks",
                ) from None
            raise api_errors.from_exception(error, verb, path, self.host) from None
        except Exception as error:
            raise api_errors.from_exception(error, verb, path, self.host) from error
        if self._timekeeper and (date := _date(response.response.headers.get("Date"))):
            self._timekeeper.heard(date, asked_at=asked_at)
        return response.response

    def received(self, n_bytes: int) -> None:
        """Count *n_bytes* of an answer."""
        with self._lock:
            self.counters.n_bytes += n_bytes

    def retried(self) -> None:
        """Count one more attempt."""
        with self._lock:
            self.counters.retries += 1


def _split(wait_s: float, method: str) -> tuple[float, float]:
    """The longest to connect, and to wait for the answer then: together *wait_s*.

    What comes of a watch, or of a long answer, may take its time: the second is between pieces.
    """
    connect_s = min(wait_s / 3, _CONNECT_S)
    return connect_s, wait_s if method == "WATCH" else wait_s - connect_s


def _named(api: Api) -> Api:
    api.user_agent = f"reconciler/{__version__}"
    return api


def _answer(method: str, path: str, response: Response, content: bytes) -> Answer:
    headers = response.headers
    texts = (
        re.sub(r"\\(.)", r"\1", text)
        for line in headers.getlist("Warning")
        for text in _WARNING.findall(line)
    )
    return api_errors.Answer(
        method=method,
        path=path,
        status=response.status,
        body=content,
        reason=response.reason or "",
        warnings=tuple(dict.fromkeys(text for text in texts if text.strip())),
        retry_after_s=_seconds(headers.get("Retry-After")),
    )


def _date(text: str | None) -> datetime | None:
    """A Date header; None where there is none, or none that can be read."""
    try:
        date = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds; its other form, a date, is not sent by API servers."""
    return float(text) if text and text.isascii() and text.isdigit() else None
