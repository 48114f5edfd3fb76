"""``Reflector``: a thread that lists and watches the objects of one kind.

Without permission to watch, the reflector lists at intervals. The reflector also lists every ten
minutes, since a proxy might drop events without an error.
"""

from __future__ import annotations

import logging
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import msgspec

from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.api.watch import SilentError, Watch
from reconciler.decoders import json_decoder
from reconciler.errors import ClusterError, ExpiredError, ForbiddenError, UnavailableError
from reconciler.model import backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.cluster.api.client import Client
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

WATCH_S = 60.0
"""The duration of a watch, in seconds.

API servers send a bookmark about once a minute. A watch that the server does not end in time
shows that the server no longer responds.
"""
RELIST_S = 600.0
"""The age of a list, in seconds, after which the objects are listed again.

The reflector waits for the end of the open watch before it lists the objects.
"""
POLL_S = 10.0
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.25, 10.0
_SHORTEST_S = 1.0
"""A watch that ends within this time, in seconds, is followed by a pause before the next watch."""
_RELIST_AFTER = 3
"""After this many consecutive failures, the reflector lists the objects again."""
_UNKNOWN_VERSION = (HTTPStatus.BAD_REQUEST, HTTPStatus.GATEWAY_TIMEOUT)
"""The HTTP statuses for an unknown resourceVersion, for example after etcd was restored.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#unavailable-resource-versions
"""
_LONGEST_PAUSE_S = 60.0
"""The maximum pause between attempts, in seconds, even if Retry-After is longer.

A longer pause would make the snapshot too old.
"""


class Target(Protocol):
    """The interface of a store that a reflector fills from lists and watch events."""

    def relist(self, client: Client) -> str:
        """List all objects again, and return the resourceVersion from which to watch.

        Raises:
            ClusterError: The objects cannot be listed.
        """
        ...

    def event(self, kind: str, body: bytes) -> None:
        """Apply one watch event, other than a bookmark, to the stored objects."""
        ...


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Versioned(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


class Reflector(threading.Thread):
    """A daemon thread that lists and watches the objects of one kind.

    A daemon thread cannot delay the end of the process when a server does not respond.

    Args:
        version: The resourceVersion from which to watch; if it is empty, the thread lists first.
        scale: How many seconds of *clock* pass in one real second.
        poll_s: The interval at which to list if a watch is not possible.
        watchable: Whether to watch, rather than to list at intervals.
        broke: Called in this thread with an unexpected error, which ends the thread.
    """

    def __init__(  # noqa: PLR0913 - each but the first two is given by name
        self,
        client: Client,
        target: Target,
        *,
        path: str,
        version: str,
        clock: Clock,
        broke: Callable[[str, Exception], None],
        scale: float = 1.0,
        poll_s: float = POLL_S,
        watchable: bool = True,
    ) -> None:
        super().__init__(name=f"watch {path}", daemon=True)
        self._client = client.without_retries()
        self._target = target
        self._path = path
        self._version = version
        self._listed_at = clock.monotonic()
        self._clock = clock
        self._broke = broke
        self._scale = scale
        self._poll_s = poll_s
        self._watchable = watchable
        self._ended = threading.Event()
        self._watch: Watch | None = None
        self._failures = 0
        self._failing: tuple[float, ClusterError] | None = None

    @property
    def failing(self) -> tuple[float, ClusterError] | None:
        """The monotonic time of the first failure, and the last error; None after a success."""
        return self._failing

    @property
    def ended(self) -> bool:
        """Whether the reflector thread has been requested to stop."""
        return self._ended.is_set()

    def end(self) -> None:
        """Tell the reflector thread to stop; ``join`` waits until the thread has stopped."""
        self._ended.set()
        if self._watch is not None:
            self._watch.close()

    def run(self) -> None:
        """List and watch until ``end`` is called; report an unexpected error with ``broke``."""
        try:
            self._run()
        except Exception as error:
            if not self._ended.is_set():
                log.exception("the thread that watches %s ended unexpectedly", self._path)
                self._broke(f"the thread that watches {self._path}", error)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._step()
            except ExpiredError:
                log.info(
                    "the resourceVersion of a watch expired; the objects are listed again",
                    extra={"path": self._path},
                )
                self._version = ""
                self._failures += 1
                self._ended.wait(self._pause_s(_SHORTEST_S))
            except ClusterError as error:
                self._failed(error)

    def _step(self) -> None:
        if self._clock.monotonic() - self._listed_at >= RELIST_S:
            self._version = ""
        if not self._version:
            began = self._clock.monotonic()
            self._version = self._target.relist(self._client)
            self._listed_at = began
            self._failing = None
        if self._watchable:
            self._follow()
        else:
            self._failures = 0
            self._ended.wait(self._poll_s / self._scale)
            self._version = ""

    def _follow(self) -> None:
        began = self._clock.monotonic()
        try:
            watch = self._client.watch(self._path, self._version, WATCH_S)
        except ForbiddenError as error:
            self._watchable = False
            log.warning(
                ("the objects cannot be watched, so they are listed every %g s: %s"),
                self._poll_s,
                error,
            )
            return
        self._watch = watch
        if self._ended.is_set():
            watch.close()
        self._failing = None
        try:
            for kind, body in watch:
                if kind != "BOOKMARK":
                    self._target.event(kind, body)
                self._version = _version(body) or self._version
        finally:
            # A watch that the server ends immediately, again and again, is not a success.
            lasted_s = self._clock.monotonic() - began
            short = lasted_s < min(_SHORTEST_S * self._scale, WATCH_S / 2)
            if not short:
                self._failures = 0
        if short:
            self._ended.wait(_SHORTEST_S)

    def _pause_s(self, first_s: float) -> float:
        """Compute the back-off pause, in seconds, from the number of consecutive failures.

        The first pause is *first_s*.
        """
        return backoff.pause_s(
            self._failures, first_s=first_s, longest_s=_LAST_PAUSE_S, jitter=0.5
        )

    def _failed(self, error: ClusterError) -> None:
        if self._ended.is_set():
            return
        self._failures += 1
        unknown = isinstance(error, SilentError) or error.status in _UNKNOWN_VERSION
        if unknown or self._failures >= _RELIST_AFTER:
            self._version = ""
        if self._failing is None:
            self._failing = (self._clock.monotonic(), error)
            log.warning("%s; trying again", error)
        else:
            self._failing = (self._failing[0], error)
        pause_s = self._pause_s(_FIRST_PAUSE_S)
        if isinstance(error, UnavailableError) and error.retry_after_s is not None:
            pause_s = max(pause_s, min(error.retry_after_s, _LONGEST_PAUSE_S) / self._scale)
        self._ended.wait(pause_s)


def _version(body: bytes) -> str:
    try:
        return json_decoder(_Versioned).decode(body).metadata.resource_version
    except UNDECODABLE:
        return ""
