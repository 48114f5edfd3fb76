"""``ForgeClient``: sends requests to a Git host (GitHub, …), and retries temporary failures.

The client does not follow redirects, so that the access token is sent only to the configured host.
Failures raise ``ForgeError``, whose message never contains the token.
"""

from __future__ import annotations

import json
import os
import random
import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode, urlsplit

import msgspec

from reconciler import __version__
from reconciler.errors import ForgeError, UsageError
from reconciler.escaping import printable
from reconciler.forge.answer_codec import decoded
from reconciler.forge.forge_request import ForgeAnswer, ForgeRequest
from reconciler.model.backoff import pause_s
from reconciler.web.connection_pool import connection_pool
from reconciler.web.exchange import (
    ExchangeError,
    HttpRequest,
    TooLargeError,
    exchange,
    retry_after_s,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from reconciler.ports import Clock

ATTEMPTS = 5
TOTAL_S = 300.0
"""The maximum time in seconds from a request's first attempt to its last retry."""
SECONDARY_LIMIT_S = 60.0
"""The pause in seconds after a secondary rate limit of GitHub if the response names no time.

Source: docs.github.com, "Rate limits for the REST API", section "Exceeding the rate limit".
"""
_RESPONSE_S = 60.0
_MAX_BODY = 32 * 1024 * 1024
_MAX_PAGES = 200
_MESSAGE = 300
_TOKEN = re.compile(r"[\x21-\x7e]+")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TEMPORARY = frozenset({500, 502, 503, 504})
_NEXT = re.compile(r'<[^>?]*\?([^>]*)>\s*;[^,<]*\brel="?next"?')
_RANDOM = random.Random()  # noqa: S311 - jitter, not cryptography


class _Problem(msgspec.Struct):
    """The body of an error response; the Git host sets either ``message`` or ``error``."""

    message: object = ""
    error: object = ""


class ForgeClient:
    """Sends requests to the API of one Git host, such as GitHub or GitLab."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str,
        headers: Mapping[str, str],
        clock: Clock,
        ca: Path | None = None,
    ) -> None:
        """Check the base URL and the token, without opening a connection.

        The file *ca* contains the certificate authorities to trust; None means those of the
        system. The environment variables HTTPS_PROXY and NO_PROXY select the proxy.

        Raises:
            UsageError: The base URL, the token, the certificate authorities or the proxy setting
                is invalid.
        """
        self._base = checked_base_url(base_url)
        if not _TOKEN.fullmatch(token):
            raise UsageError(
                "the token for the Git host is empty or contains spaces or control characters",
                hint="set RECONCILER_FORGE_TOKEN to the token and nothing else",
            )
        self._token = token
        self._headers = {
            "Accept": "application/json",
            "User-Agent": f"kubevirt-memory-reconciler/{__version__}",
            **headers,
        }
        self._clock = clock
        self._pool = connection_pool(self._base, ca=ca, environ=os.environ, server="the Git host")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.clear()

    def send(self, request: ForgeRequest) -> ForgeAnswer:
        """Send an API request, and retry after temporary failures and rate limits.

        A request that must not take effect twice is retried only after a rate limit, because in
        this case the Git host has not processed the request.

        Raises:
            ForgeError: No response arrived, or its status is not 2xx.
        """
        started_at, attempt = self._clock.monotonic(), 0
        while True:
            attempt += 1
            try:
                return self._once(request)
            except ForgeError as error:
                limited = error.retry_after_s is not None
                repeatable = limited or (error.retryable_now and request.repeatable)
                if not repeatable or attempt >= ATTEMPTS:
                    raise
                wait_s = pause_s(attempt, first_s=1.0, longest_s=20.0, jitter=_RANDOM.random())
                wait_s = max(wait_s, error.retry_after_s or 0.0)
                if self._clock.monotonic() - started_at + wait_s > TOTAL_S:
                    raise
            self._clock.sleep(wait_s)

    def pages(self, request: ForgeRequest) -> Iterator[ForgeAnswer]:
        """Yield all pages of a list request, by following the Link header of each response.

        Only the query string of the link is used, so that a response cannot redirect the client to
        a different host.
        """
        for _ in range(_MAX_PAGES):
            answer = self.send(request)
            yield answer
            found = _NEXT.search(answer.headers.get("link", ""))
            if found is None:
                return
            pairs = (each.partition("=") for each in found[1].split("&"))
            plain = {name: value for name, _, value in pairs if _PLAIN.fullmatch(name + value)}
            query = {**request.query, **plain}
            if query == request.query:
                return
            request = replace(request, query=query)
        raise ForgeError(
            f"{self._where(request)} returned more than {_MAX_PAGES} pages, which is the limit"
        )

    def _once(self, request: ForgeRequest) -> ForgeAnswer:
        url = f"{self._base}{request.path}"
        if request.query:
            url += f"?{urlencode(request.query)}"
        headers, body = dict(self._headers), None
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(request.body).encode()
        sent = HttpRequest(method=request.method, url=url, headers=headers, body=body)
        try:
            found = exchange(
                self._pool, sent, clock=self._clock, most_s=_RESPONSE_S, most_bytes=_MAX_BODY
            )
        except ExchangeError as error:
            raise ForgeError(
                f"{self._where(request)} failed: {error}",
                hint="check the URL of the Git host, the network, the certificates, and the "
                "proxy settings HTTPS_PROXY and NO_PROXY",
                retryable_now=not isinstance(error, TooLargeError),
            ) from None
        answer = ForgeAnswer(status=found.status, headers=found.headers, body=found.body)
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise self._error(request, answer)
        return answer

    def _error(self, request: ForgeRequest, answer: ForgeAnswer) -> ForgeError:
        message = self._message(answer)
        hint = _HINTS.get(answer.status, "")
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
            message = "the Git host redirects the request, and reconciler follows no redirects"
            hint = "set the current URL of the Git host and the current name of the project"
        return ForgeError(
            f"{self._where(request)} failed with status {answer.status}: {message}",
            hint=hint,
            status=answer.status,
            retryable_now=answer.status in _TEMPORARY,
            retry_after_s=self._retry_after_s(answer, message),
        )

    def _retry_after_s(self, answer: ForgeAnswer, message: str) -> float | None:
        """Return the seconds to wait if a rate limit was exceeded, or None for other errors."""
        status, headers = answer.status, answer.headers
        if status not in {403, 429, 503}:
            return None
        if (after := headers.get("retry-after")) is not None:
            return retry_after_s(after, self._clock, otherwise_s=SECONDARY_LIMIT_S)
        resets_at = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset")
        left = headers.get("x-ratelimit-remaining") or headers.get("ratelimit-remaining")
        if left == "0" and resets_at and resets_at.isdecimal():
            return max(0.0, float(resets_at[:12]) - self._clock.now().timestamp())
        if _LIMITED.search(message):
            return SECONDARY_LIMIT_S
        return 0.0 if status == HTTPStatus.TOO_MANY_REQUESTS else None

    def _message(self, answer: ForgeAnswer) -> str:
        try:
            problem = decoded(answer.body, _Problem)
            text = str(problem.message or problem.error)
        except ForgeError:
            text = ""
        text = text.replace(self._token, "***")
        return printable(text[:_MESSAGE]) or "the response contains no error message"

    def _where(self, request: ForgeRequest) -> str:
        return f"{request.method} {printable(self._base + request.path)}"


_LIMITED = re.compile("rate limit|abuse detection", re.IGNORECASE)
"""Matches the message of GitHub's rate limits; "abuse detection" is an older name."""
_PLAIN = re.compile(r"[\w.~+-]*")
_HINTS = {
    401: "check RECONCILER_FORGE_TOKEN; the token might have expired",
    403: "give the token permission to write comments and commit statuses",
    404: "check the project, the pull request and the permissions of the token; the Git host also "
    "returns 404 if the token has no access",
}


def checked_base_url(base_url: str) -> str:
    """Validate the API URL of a Git host (GitHub, GitLab, …), and remove its trailing slash.

    Raises:
        UsageError: The URL is malformed, contains credentials, or would send the token
            unencrypted.
    """
    url = base_url.rstrip("/")
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if not host or parts.query or parts.fragment or not url.isascii() or not url.isprintable():
        raise UsageError(
            f"{base_url!r} is not the API URL of a Git host",
            hint="write, for example, https://git.example.com/api/v1",
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "the URL of the Git host contains credentials",
            hint="remove the credentials from the URL, and set RECONCILER_FORGE_TOKEN",
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise UsageError(
            f"the URL {base_url} does not start with https://, so others could read the token",
            hint="use https; plain http is accepted only for localhost",
        )
    return url
