"""``from_answer``, ``from_exception``: convert failed responses and exceptions to typed errors.

An error message contains the API server's host, the object and the server's shortened message, but
no headers, bodies, tokens or user names from a URL.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.decoders import json_decoder
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
_QUOTED_OBJECT = ('Invalid value: "{', '}"')
"""The text before and after the object that an API server quotes in an error message."""
_OK = range(200, 300)
_KINDS: dict[int, type[ClusterError]] = {
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.GONE: ExpiredError,
}
_VERBS = {"GET": "read", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Cause(msgspec.Struct, frozen=True):
    """One entry of ``details.causes`` in a Kubernetes ``Status`` object."""

    message: str | None = None
    field: str | None = None


class Details(msgspec.Struct, frozen=True):
    """The field ``details`` of a Kubernetes ``Status`` object."""

    causes: list[Cause] | None = None


class Status(msgspec.Struct, frozen=True):
    """A Kubernetes ``Status`` object, with only the fields that the API client uses."""

    kind: str = ""
    message: str | None = None
    reason: str | None = None
    code: int | None = None
    details: Details | None = None

    @property
    def causes(self) -> list[Cause]:
        """The entries of ``details.causes`` in a Kubernetes ``Status`` object."""
        return (self.details.causes or []) if self.details else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The response of the API server to one HTTP request."""

    method: str
    path: str
    status: int
    body: bytes = b""
    reason: str = ""
    """The reason phrase of the HTTP status line."""
    warnings: tuple[str, ...] = ()
    retry_after_s: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the HTTP status is 2xx."""
        return self.status in _OK

    def explained(self) -> Status:
        """Parse the body as a ``Status``; for other content, return an empty ``Status``."""
        return read_status(self.body)


def read_status(body: bytes | msgspec.Raw) -> Status:
    """Parse a response body as a ``Status``; for other content, return an empty ``Status``."""
    try:
        status = json_decoder(Status).decode(body)
    except UNDECODABLE:
        return Status()
    return status if status.kind == "Status" else Status()


def sentence(status: Status) -> str:
    """Shorten the message in a Kubernetes ``Status`` to one line of at most 256 characters.

    If the message quotes an object, the words "the object" replace the quotation.
    """
    text = status.message or ""
    start, end = text.find(_QUOTED_OBJECT[0]), text.rfind(_QUOTED_OBJECT[1])
    if 0 <= start < end:
        text = f"{text[:start]}Invalid value: the object{text[end + 2 :]}"
    text = " ".join(text.split())
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def is_denial(status: Status) -> bool:
    """Return whether a Kubernetes ``Status`` reports a denial by an admission webhook or policy.

    Source: kube-apiserver 1.36 staging/src/k8s.io/apiserver/pkg/admission/plugin.
    """
    text = status.message or ""
    return text.startswith("admission webhook") or "denied request:" in text


def safe_host(url: str) -> str:
    """Return a URL's host and port, without user, password, path and query."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "unknown", parts.port
    except ValueError:
        return "unknown"
    return f"{name}:{port}" if port else name


def from_answer(answer: Answer, host: str) -> ClusterError:
    """Convert an HTTP response with an error status to a ``ClusterError``."""
    status = answer.explained()
    said = sentence(status) or answer.reason or f"HTTP {answer.status}"
    spoken = resource_paths.spoken(answer.path)
    what = f"cannot {_VERBS.get(answer.method, 'reach')} {spoken} at {host}"
    code = answer.status
    if code == HTTPStatus.UNAUTHORIZED:
        return UnauthorizedError(
            f"{what}: the server rejected the credentials (401 {said})",
            hint="check the token or client certificate of the kubeconfig context; it might "
            "have expired",
            status=code,
        )
    if code == HTTPStatus.FORBIDDEN and is_denial(status):
        return RejectedError(
            f"{what}: denied by an admission policy: {said}",
            hint="RBAC allows the request; contact the team that manages the admission "
            "policy or webhook",
            status=code,
        )
    if code == HTTPStatus.FORBIDDEN:
        return ForbiddenError(
            f"{what}: permission denied: {said}",
            hint="grant the permission with a Role or ClusterRole, or use another context",
            status=code,
        )
    if code == HTTPStatus.TOO_MANY_REQUESTS or code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        later = f"; retry after {answer.retry_after_s:g} s" if answer.retry_after_s else ""
        return UnavailableError(
            f"{what}: the server returned {code}: {said}{later}",
            hint="try again later",
            status=code,
            retry_after_s=answer.retry_after_s,
        )
    kind = _KINDS.get(code, RejectedError)
    redirected = HTTPStatus.MULTIPLE_CHOICES <= code < HTTPStatus.BAD_REQUEST
    hint = (
        "check that `server` in the kubeconfig is the URL of a Kubernetes API server"
        if redirected
        else ""
    )
    return kind(f"{what}: {said} ({code})", hint=hint, status=code)


def from_exception(error: Exception, method: str, path: str, host: str) -> ClusterError:
    """Convert an exception during a request to an error with a message that is safe to print."""
    reason, hint = _broken(error)
    what = f"cannot {_VERBS.get(method, 'reach')} {resource_paths.spoken(path)} at {host}"
    failure = UnreachableError(f"{what}: {reason}", hint=hint)
    # The next attempt would see the same certificate.
    failure.retryable = not any(
        isinstance(each, ssl.SSLCertVerificationError) for each in _chain(error)
    )
    return failure


def timed_out(error: Exception) -> bool:
    """Return whether an exception, or one of its causes, is a timeout."""
    from urllib3 import exceptions  # noqa: PLC0415 - comes with the kubernetes library

    return any(isinstance(each, exceptions.TimeoutError | TimeoutError) for each in _chain(error))


def _broken(error: Exception) -> tuple[str, str]:
    """Return why no response to an HTTP request arrived, and a hint for the user."""
    from urllib3 import exceptions  # noqa: PLC0415 - comes with the kubernetes library

    server = "check the network and the server URL in the kubeconfig"
    known: tuple[tuple[type[BaseException], str, str], ...] = (
        (
            ssl.SSLCertVerificationError,
            "the server's certificate is not trusted",
            "check `certificate-authority` and `server` in the kubeconfig",
        ),
        (
            exceptions.ProxyError,
            "the connection through the proxy failed",
            "check HTTPS_PROXY, NO_PROXY and `proxy-url` in the kubeconfig",
        ),
        (
            exceptions.NameResolutionError,
            "unknown host name",
            "check the host name in the server URL of the kubeconfig",
        ),
        (
            ssl.SSLError,
            "the TLS handshake failed",
            "check that `server` in the kubeconfig is the URL of an HTTPS server",
        ),
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
        return "no response within the timeout", "raise --request-timeout, or try again later"
    return "the connection was interrupted", "try again later"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
