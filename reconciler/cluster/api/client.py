"""``Client``: sends requests to an API server, retries read requests and raises typed errors.

After a temporary failure, the client repeats a read request. The client sends a write request
once; if no response arrives, the caller must read the object to see whether the write took effect.
"""

from __future__ import annotations

import copy
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, TypeVar

from reconciler.cluster.api import api_errors, kubeconfig, response_deadline
from reconciler.cluster.api.retry import Backoff, Deadline, repeat
from reconciler.cluster.api.transport import Request, Transport
from reconciler.cluster.api.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from reconciler.cluster.api.api_errors import Answer
    from reconciler.cluster.api.kubernetes_protocols import Api, Response
    from reconciler.cluster.api.transport import RequestCounter, Timekeeper
    from reconciler.errors import ClusterError
    from reconciler.ports import Clock

T = TypeVar("T")

FIELD_MANAGER = "reconciler"
_WRITE_QUERY = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
_DRY_QUERY = {**_WRITE_QUERY, "dryRun": "All"}
DEFAULT_TIMEOUT_S = 30.0
_SILENCE_S = 15.0
"""How long a watch can last beyond its requested timeout before the client ends it, in seconds."""


class Client:
    """Sends requests to one API server; safe to use from several threads."""

    def __init__(
        self,
        api: Api,
        *,
        clock: Clock,
        request_timeout_s: float = DEFAULT_TIMEOUT_S,
        renewed: Callable[[], Api] | None = None,
        timekeeper: Timekeeper | None = None,
        counted: RequestCounter | None = None,
    ) -> None:
        self._transport = Transport(
            api,
            timeout_s=request_timeout_s,
            renewed=renewed,
            timekeeper=timekeeper,
            counted=counted,
        )
        self._clock = clock
        self._timeout_s = request_timeout_s
        self._backoff = Backoff()
        self._deadline = Deadline()
        self.host = self._transport.host
        """The server's host and port, safe to print."""

    @classmethod
    def from_options(
        cls,
        *,
        clock: Clock,
        kubeconfig_path: str | None = None,
        context: str | None = None,
        request_timeout_s: float = DEFAULT_TIMEOUT_S,
        timekeeper: Timekeeper | None = None,
        counted: RequestCounter | None = None,
    ) -> Self:
        """Return a client for the cluster that kubectl would use with these options.

        *counted* is called after each request with its Kubernetes verb and status.

        Raises:
            UsageError: The kubeconfig does not exist.
            ClusterError: No configuration exists, or the configuration cannot be used.
        """
        from kubernetes import client  # noqa: PLC0415 - takes 0.5 s; not for validate and --help

        def api() -> Api:
            built = client.ApiClient(kubeconfig.load(kubeconfig_path, context))
            response_deadline.install(built.rest_client.pool_manager)
            api: Api = built
            return api

        return cls(
            api(),
            clock=clock,
            request_timeout_s=request_timeout_s,
            renewed=api,
            timekeeper=timekeeper,
            counted=counted,
        )

    def without_retries(self) -> Client:
        """Return a client that shares the connections of this client but never retries."""
        twin = copy.copy(self)
        twin._backoff = Backoff(attempts=1)  # noqa: SLF001 - of its own class
        return twin

    def hurry(self, left_s: float) -> None:
        """Set a deadline *left_s* seconds from now for all new requests, and stop all retries.

        The deadline does not affect watches or requests that were already sent. It applies to
        every client that shares these connections.
        """
        self._deadline.at = self._clock.monotonic() + left_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every idle connection."""
        self._transport.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send an HTTP request, and return the response if its status is 2xx.

        The request is repeated only after status 429, since the server did not execute it.

        Raises:
            ClusterError: No response arrived, or its status is not 2xx.
        """
        request = Request(method, path, query, body)
        return self._repeated(
            lambda: self._checked(request, timeout_s),
            retryable=lambda error: error.status == HTTPStatus.TOO_MANY_REQUESTS,
        )

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> bytes:
        """Send a GET request and return the response body; retry after a temporary failure.

        Raises:
            ClusterError: The request failed, or the response body cannot be read.
        """
        request = Request("GET", path, query)
        return self._repeated(lambda: self._checked(request, timeout_s).body)

    def read(
        self,
        path: str,
        take: Callable[[Iterator[bytes]], T],
        query: Mapping[str, str] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> T:
        """Send a GET request, pass the response body in chunks to *take*, and return the result.

        After a temporary failure, *take* is called again with the body from its start.

        Args:
            path: The path of an object or a list.
            take: A function that reads all chunks, or raises an error.
            query: The query parameters of the request.
            timeout_s: The longest time until the end of the body.

        Raises:
            ClusterError: The request failed, or the response body cannot be read.
        """
        request = Request("GET", path, query)
        return self._repeated(lambda: take(self._chunks(request, timeout_s)))

    def watch(
        self,
        path: str,
        resource_version: str,
        timeout_s: float,
        query: Mapping[str, str] | None = None,
    ) -> Watch:
        """Watch an API path from a given resourceVersion, and return the events and bookmarks.

        The server ends the watch after *timeout_s*. If the server does not, the watch fails 15 s
        later.

        Raises:
            ExpiredError: *resource_version* is too old; also raised while iterating.
            ClusterError: The watch is rejected or breaks; also raised while iterating.
        """
        wanted = {
            **(query or {}),
            "watch": "true",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, round(timeout_s))),
        }
        response = self._opened(Request("WATCH", path, wanted), timeout_s + _SILENCE_S)
        return Watch(response, path=path, host=self.host)

    def patch(
        self,
        path: str,
        ops: Sequence[Mapping[str, Any]],
        *,
        timeout_s: float | None = None,
        dry_run: bool = False,
    ) -> Answer:
        """Send a JSON Patch once, and return the response, even if its status is an error.

        *timeout_s* can only shorten the client's own timeout. With *dry_run*, the request is a
        server-side dry run (``dryRun=All``).

        Raises:
            UnreachableError: No response arrived; the patch might have taken effect.
        """
        request = Request("PATCH", path, _DRY_QUERY if dry_run else _WRITE_QUERY, list(ops))
        return self._written(request, timeout_s)

    def create(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        timeout_s: float | None = None,
        dry_run: bool = False,
    ) -> Answer:
        """Send one POST request to create an object; return the response for every status code.

        Raises:
            UnreachableError: No response arrived; the object might have been created.
        """
        request = Request("POST", path, _DRY_QUERY if dry_run else _WRITE_QUERY, dict(body))
        return self._written(request, timeout_s)

    def restart(self, path: str, *, timeout_s: float | None = None) -> Answer:
        """Send one request to the restart subresource of a VM, and return the response.

        virt-api returns 406 to a client that accepts only JSON, so this request accepts any media
        type. Source: kubevirt v1.9.0 pkg/virt-api/api.go (the route declares no media type), and a
        recorded response.

        Raises:
            UnreachableError: No response arrived; the restart might be in progress.
        """
        return self._written(Request("PUT", path, body={}, accept="*/*"), timeout_s)

    def _exchange(self, request: Request, timeout_s: float | None) -> Answer:
        return self._transport.exchange(request, self._wait_s(timeout_s))

    def _written(self, request: Request, timeout_s: float | None) -> Answer:
        brief_s = self._timeout_s if timeout_s is None else min(self._timeout_s, timeout_s)
        return self._exchange(request, brief_s)

    def _checked(self, request: Request, timeout_s: float | None) -> Answer:
        answer = self._exchange(request, timeout_s)
        if not answer.ok:
            raise api_errors.from_answer(answer, self.host)
        return answer

    def _opened(self, request: Request, timeout_s: float) -> Response:
        response = self._transport.open(request, timeout_s)
        if response.status != HTTPStatus.OK:
            raise api_errors.from_answer(self._transport.finish(response, request), self.host)
        return response

    def _chunks(self, request: Request, timeout_s: float | None) -> Iterator[bytes]:
        response = self._opened(request, self._wait_s(timeout_s))
        return self._transport.chunks(response, request)

    def _repeated(
        self,
        ask: Callable[[], T],
        retryable: Callable[[ClusterError], bool] = lambda error: error.retryable,
    ) -> T:
        """Call a function and return its result; retry after each temporary error."""
        return repeat(
            ask,
            clock=self._clock,
            backoff=self._backoff,
            retryable=lambda error: self._deadline.at is None and retryable(error),
        )

    def _wait_s(self, timeout_s: float | None) -> float:
        """Return the timeout for a request, shortened if the client's deadline is earlier."""
        wait_s = self._timeout_s if timeout_s is None else timeout_s
        return self._deadline.shortened(wait_s, self._clock.monotonic())
