"""The one door to the ``kubernetes`` library: authentication is its, requests and answers are raw.

Reads that fail in passing are asked again; a write is sent once, and what it means that no answer
came is for the caller to find out by reading.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, TypeVar

from reconciler.cluster.api import api_errors, kubeconfig
from reconciler.cluster.api.retry import Backoff, repeat
from reconciler.cluster.api.transport import JSON, Transport
from reconciler.cluster.api.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from reconciler.cluster.api.api_errors import Answer
    from reconciler.cluster.api.kubernetes_protocols import Api
    from reconciler.cluster.api.transport import Timekeeper
    from reconciler.ports import Clock

T = TypeVar("T")

log = logging.getLogger(__name__)

FIELD_MANAGER = "reconciler"
DEFAULT_TIMEOUT_S = 30.0
_SILENCE_S = 15.0
"""How much longer than the server's own time-out a watch may stay silent."""


_SHORTEST_WAIT_S = 0.2


@dataclass(slots=True)
class _Ending:
    """When the client is to be done, on its clock; None while there is no hurry."""

    at: float | None = None


class Client:
    """Requests to one API server; safe to use from several threads."""

    def __init__(
        self,
        api: Api,
        *,
        clock: Clock,
        request_timeout_s: float = DEFAULT_TIMEOUT_S,
        backoff: Backoff | None = None,
        renewed: Callable[[], Api] | None = None,
        timekeeper: Timekeeper | None = None,
    ) -> None:
        self._transport = Transport(
            api, timeout_s=request_timeout_s, renewed=renewed, timekeeper=timekeeper
        )
        self._clock = clock
        self._timeout_s = request_timeout_s
        self._backoff = backoff or Backoff()
        self._ending = _Ending()
        self.host = self._transport.host
        """The server's host and port, fit to be shown."""
        self.counters = self._transport.counters

    @classmethod
    def from_options(
        cls,
        *,
        clock: Clock,
        kubeconfig_path: str | None = None,
        context: str | None = None,
        request_timeout_s: float = DEFAULT_TIMEOUT_S,
        backoff: Backoff | None = None,
        timekeeper: Timekeeper | None = None,
    ) -> Self:
        """A client for the cluster that kubectl would talk to with the same options.

        Raises:
            UsageError: A kubeconfig or context is named that is not there.
            ClusterError: There is no usable configuration.
        """
        from kubernetes import client  # noqa: PLC0415 - takes 0.5 s; not for validate and --help

        def api() -> Api:
            built: Api = client.ApiClient(kubeconfig.load(kubeconfig_path, context))
            return built

        return cls(
            api(),
            clock=clock,
            request_timeout_s=request_timeout_s,
            backoff=backoff,
            renewed=api,
            timekeeper=timekeeper,
        )

    def hasty(self) -> Client:
        """The same connections and counters, but each read is sent once."""
        twin = copy.copy(self)
        twin._backoff = Backoff(attempts=1)  # noqa: SLF001 - of its own class
        return twin

    def hurry(self, left_s: float) -> None:
        """Be done within *left_s* of the clock: waits get short, and nothing is asked again.

        What is under way is not broken off. Holds for every twin.
        """
        self._ending.at = self._clock.monotonic() + left_s

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
        """Send one request, once, and hand back the answer; see ``Transport.exchange``.

        Raises:
            UnreachableError: No answer came; a write may have landed nonetheless.
        """
        wait_s = self._wait_s(timeout_s)
        return self._transport.exchange(
            method, path, query=query, body=body, timeout_s=wait_s, accept=accept
        )

    def _brief(self, timeout_s: float | None) -> float:
        return self._timeout_s if timeout_s is None else min(self._timeout_s, timeout_s)

    def _wait_s(self, timeout_s: float | None) -> float:
        """How long to wait for the server; no longer than what is left where there is hurry."""
        wait_s = self._timeout_s if timeout_s is None else timeout_s
        if self._ending.at is None:
            return wait_s
        left_s = self._ending.at - self._clock.monotonic()
        return min(wait_s, max(_SHORTEST_WAIT_S, left_s))

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """As ``exchange``, but a failed answer is raised.

        A 429 says that the request was not carried out, so any method is sent again after it.

        Raises:
            ClusterError: No answer, or one that is not 2xx.
        """
        return repeat(
            lambda: self._once(method, path, query, body, timeout_s),
            clock=self._clock,
            backoff=self._backoff,
            on_retry=self._transport.retried,
            retryable=lambda error: (
                error.status == HTTPStatus.TOO_MANY_REQUESTS and self._ending.at is None
            ),
        )

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: object,
        timeout_s: float | None,
    ) -> Answer:
        answer = self.exchange(method, path, query=query, body=body, timeout_s=timeout_s)
        if not answer.ok:
            raise api_errors.from_answer(answer, self.host)
        return answer

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> bytes:
        """The body at *path*, asked for again where the failure may pass.

        Raises:
            ClusterError: It cannot be read.
        """
        return self._again(lambda: self._once("GET", path, query, None, timeout_s).body)

    def read(
        self,
        path: str,
        take: Callable[[Iterator[bytes]], T],
        query: Mapping[str, str] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> T:
        """What *take* makes of the body at *path*, of which it is handed what comes, as it comes.

        It is begun again, from the first byte, where the failure may pass.

        Args:
            path: Of an object or a list.
            take: Reads all that it is handed, or raises.
            query: Of the request.
            timeout_s: The longest wait for the next bytes.

        Raises:
            ClusterError: The body cannot be read.
        """
        return self._again(lambda: take(self._chunks(path, query, timeout_s)))

    def _chunks(
        self, path: str, query: Mapping[str, str] | None, timeout_s: float | None
    ) -> Iterator[bytes]:
        response = self._transport.open("GET", path, query, None, self._wait_s(timeout_s))
        if response.status != HTTPStatus.OK:
            raise api_errors.from_answer(self._transport.finish(response, "GET", path), self.host)
        return self._transport.chunks(response, "GET", path)

    def _again(self, ask: Callable[[], T]) -> T:
        """What *ask* answers, asked again where the failure may pass."""
        return repeat(
            ask,
            clock=self._clock,
            backoff=self._backoff,
            on_retry=self._transport.retried,
            retryable=lambda error: error.retryable and self._ending.at is None,
        )

    def watch(
        self,
        path: str,
        resource_version: str,
        timeout_s: float,
        query: Mapping[str, str] | None = None,
    ) -> Watch:
        """Events at *path* after *resource_version*, bookmarks included.

        Ends by itself when the server ends it after *timeout_s*; a server that falls silent is
        given up a little later.

        Raises:
            ExpiredError: *resource_version* is too old; also while iterating.
            ClusterError: The watch is refused or breaks; also while iterating.
        """
        wanted = {
            **(query or {}),
            "watch": "true",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, round(timeout_s))),
        }
        response = self._transport.open("WATCH", path, wanted, None, timeout_s + _SILENCE_S)
        if response.status != HTTPStatus.OK:
            raise api_errors.from_answer(self._transport.finish(response, "GET", path), self.host)
        return Watch(response, path=path, host=self.host, received=self._transport.received)

    def patch(
        self,
        path: str,
        ops: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
        field_manager: str = FIELD_MANAGER,
        field_validation: str = "Strict",
        timeout_s: float | None = None,
    ) -> Answer:
        """Send a JSON Patch, once; a refusal is an answer too.

        *timeout_s* shortens the client's own time-out, never lengthens it.

        Raises:
            UnreachableError: No answer came; the patch may have landed nonetheless.
        """
        query = _write_query(
            dry_run=dry_run, field_manager=field_manager, field_validation=field_validation
        )
        return self.exchange(
            "PATCH", path, query=query, body=list(ops), timeout_s=self._brief(timeout_s)
        )

    def create(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        dry_run: bool = False,
        field_manager: str = FIELD_MANAGER,
        field_validation: str = "Strict",
        timeout_s: float | None = None,
    ) -> Answer:
        """Create an object in the collection at *path*, once; a refusal is an answer too.

        Raises:
            UnreachableError: No answer came; the object may be there nonetheless.
        """
        query = _write_query(
            dry_run=dry_run, field_manager=field_manager, field_validation=field_validation
        )
        return self.exchange(
            "POST", path, query=query, body=dict(body), timeout_s=self._brief(timeout_s)
        )

    def restart(
        self, path: str, *, dry_run: bool = False, timeout_s: float | None = None
    ) -> Answer:
        """Ask for the restart of the VM whose subresource is at *path*, once.

        The answer has no body, so virt-api answers 406 to a client that accepts only JSON.

        Source: kubevirt v1.9.0 pkg/virt-api/api.go (the route has no Produces); recorded.

        Raises:
            UnreachableError: No answer came; the restart may be under way nonetheless.
        """
        # RestartOptions; the query of other writes means nothing here.
        options = {"dryRun": ["All"]} if dry_run else {}
        return self.exchange(
            "PUT", path, body=options, timeout_s=self._brief(timeout_s), accept="*/*"
        )


def _write_query(*, dry_run: bool, field_manager: str, field_validation: str) -> dict[str, str]:
    query = {"fieldManager": field_manager, "fieldValidation": field_validation}
    return {**query, "dryRun": "All"} if dry_run else query
