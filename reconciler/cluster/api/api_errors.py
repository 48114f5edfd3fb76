"""Translates failed answers and broken connections into the product's errors.

What it says names the server's host, the object and the server's own sentence, cut short. Headers,
bodies, user names in URLs and tokens never pass.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.errors import (
    ClusterError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    UnauthorizedError,
    UnavailableError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_MESSAGE = 256
_QUOTED_OBJECT = re.compile(r'Invalid value: "\{.*\}"', re.DOTALL)
_OK = range(200, 300)
_KINDS: dict[int, type[ClusterError]] = {
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.GONE: ExpiredError,
}
_VERBS = {"GET": "read", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Cause(msgspec.Struct, frozen=True):
    """One cause in a Status."""

    message: str | None = None
    field: str | None = None


class Details(msgspec.Struct, frozen=True):
    """The details of a Status."""

    causes: list[Cause] | None = None


class Status(msgspec.Struct, frozen=True):
    """The API server's ``Status`` as far as it is read."""

    kind: str = ""
    message: str | None = None
    reason: str | None = None
    code: int | None = None
    details: Details | None = None

    @property
    def causes(self) -> list[Cause]:
        """The causes; empty where the server names none."""
        return (self.details.causes or []) if self.details else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server answered to one request."""

    method: str
    path: str
    status: int
    body: bytes = b""
    reason: str = ""
    """The phrase of the status line."""
    warnings: tuple[str, ...] = ()
    retry_after_s: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the request was carried out."""
        return self.status in _OK

    def explained(self) -> Status:
        """The body as a Status; an empty one where the body is something else."""
        return read_status(self.body)


def read_status(body: bytes | msgspec.Raw) -> Status:
    """*body* as a Status; an empty one where it is something else, as a proxy's page is."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except UNDECODABLE:
        return Status()
    return status if status.kind == "Status" else Status()


def sentence(status: Status) -> str:
    """The server's own sentence: without quoted objects, on one line, cut at 256 characters."""
    text = _QUOTED_OBJECT.sub("Invalid value: the object", status.message or "")
    text = " ".join(text.split())
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def safe_host(url: str) -> str:
    """Host and port of *url*: no user, no password, no path, no query."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "unknown", parts.port
    except ValueError:
        return "unknown"
    return f"{name}:{port}" if port else name


def from_answer(answer: Answer, host: str) -> ClusterError:
    """The error that *answer*, a failed one, stands for."""
    status = answer.explained()
    said = sentence(status) or answer.reason or f"HTTP {answer.status}"
    spoken = resource_paths.spoken(answer.path)
    what = f"cannot {_VERBS.get(answer.method, 'reach')} {spoken} at {host}"
    code = answer.status
    if code == HTTPStatus.UNAUTHORIZED:
        return UnauthorizedError(
            f"{what}: the credentials are not accepted (401 {said})",
            hint="check the context's token or client certificate; it may have expired",
            status=code,
        )
    if code == HTTPStatus.FORBIDDEN:
        return ForbiddenError(
            f"{what}: not allowed: {said}",
            hint="grant the right with a Role or ClusterRole, or use another context",
            status=code,
        )
    if code == HTTPStatus.TOO_MANY_REQUESTS or code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        later = f"; it asks to wait {answer.retry_after_s:g} s" if answer.retry_after_s else ""
        return UnavailableError(
            f"{what}: the server answers {code}: {said}{later}",
            hint="try again later",
            status=code,
            retry_after_s=answer.retry_after_s,
        )
    kind = _KINDS.get(code, RejectedError)
    return kind(f"{what}: {said} ({code})", status=code)


def from_exception(error: Exception, method: str, path: str, host: str) -> ClusterError:
    """The error that a request without an answer stands for; *error* is not quoted whole."""
    reason, hint = _broken(error)
    what = f"cannot {_VERBS.get(method, 'reach')} {resource_paths.spoken(path)} at {host}"
    failure = UnreachableError(f"{what}: {reason}", hint=hint)
    # The next attempt would see the same certificate.
    failure.retryable = not any(
        isinstance(each, ssl.SSLCertVerificationError) for each in _chain(error)
    )
    return failure


def timed_out(error: Exception) -> bool:
    """Whether *error* means that nothing came for too long."""
    from urllib3 import exceptions  # noqa: PLC0415 - comes with the kubernetes library

    return any(isinstance(each, exceptions.TimeoutError | TimeoutError) for each in _chain(error))


def _broken(error: Exception) -> tuple[str, str]:
    """Why no answer came, and what to do: the first kind below that is among the causes."""
    from urllib3 import exceptions  # noqa: PLC0415 - comes with the kubernetes library

    server = "check the network and the server's address"
    known: tuple[tuple[type[BaseException], str, str], ...] = (
        (
            ssl.SSLCertVerificationError,
            "its certificate is not trusted",
            "check certificate-authority and server in the kubeconfig",
        ),
        (
            exceptions.ProxyError,
            "the proxy cannot be used",
            "check HTTPS_PROXY, NO_PROXY and proxy-url",
        ),
        (
            exceptions.NameResolutionError,
            "the host name is not known",
            "check the server in the kubeconfig",
        ),
        (ssl.SSLError, "TLS fails", "check that the server speaks https"),
        (ConnectionRefusedError, "connection refused", "check that the API server is running"),
    )
    causes = tuple(_chain(error))
    for kind, reason, hint in known:
        for cause in causes:
            if isinstance(cause, kind):
                why = getattr(cause, "verify_message", "")
                return f"{reason}: {why}" if why else reason, hint
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower(), server
    if timed_out(error):
        return "no answer within the time-out", "raise --request-timeout, or try again later"
    return "the connection broke", "try again later"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
