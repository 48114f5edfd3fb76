"""``Watch``: reads a Kubernetes watch until the server ends it or another thread closes it."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import msgspec

from reconciler.cluster.api import api_errors, resource_paths
from reconciler.cluster.api.api_errors import Answer
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.decoders import json_decoder
from reconciler.errors import ClusterError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cluster.api.kubernetes_protocols import Response

_CHUNK = 1 << 16
MAX_EVENT = 8 << 20
"""The maximum size of a watch event in bytes; etcd stores at most 1.5 MiB for an object."""


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


_DECODER = json_decoder(_Event)
_WRITTEN = re.compile(rb'\{"type":"([A-Z]+)","object":(.*)\}\s*', re.DOTALL)
"""Matches a watch event as API servers format it.

Source: k8s.io/apimachinery v0.36 pkg/apis/meta/v1/watch.go (WatchEvent).
"""


class SilentError(UnreachableError):
    """Raised if the server did not end a watch in time; events might be missing, so list again."""


class Watch:
    """Iterates over the events of a watch, as pairs of the event type and the object's JSON.

    The event type is ADDED, MODIFIED, DELETED or BOOKMARK.
    """

    def __init__(
        self,
        response: Response,
        *,
        path: str,
        host: str,
    ) -> None:
        self._response = response
        self._path = path
        self._host = host
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Yield each watch event until the watch ends.

        Raises:
            ExpiredError: The server no longer has events from the requested resourceVersion; list
                the objects again.
            SilentError: The server did not end the watch in time; list the objects again.
            ClusterError: The server reports another failure, or the connection broke.
        """
        try:
            for line in self._lines():
                kind, body = self._event(line)
                if kind == "ERROR":
                    raise self._failure(body)
                yield kind, body
        finally:
            self._response.close()

    def _event(self, line: bytes) -> tuple[str, bytes]:
        """Parse one line of a watch; return the event type and the object's JSON.

        Raises:
            ClusterError: The line is not a watch event.
        """
        try:
            event = _DECODER.decode(line)
        except UNDECODABLE as error:
            if written := _WRITTEN.fullmatch(line):
                return written[1].decode(), written[2]
            raise api_errors.from_exception(error, "GET", self._path, self._host) from error
        return event.type, bytes(event.object)

    def close(self) -> None:
        """End the watch and the iteration over its events, even if another thread iterates."""
        self._closed.set()
        try:
            self._response.shutdown()
        except (RuntimeError, ValueError, OSError):
            # The watch has ended, and its connection is closed.
            return

    def _lines(self) -> Iterator[bytes]:
        rest = bytearray()
        while not self._closed.is_set():
            try:
                chunk = self._response.read1(_CHUNK)
            except Exception as error:
                if self._closed.is_set():
                    return
                raise self._broken(error) from error
            if not chunk:
                return
            rest += chunk
            if b"\n" in chunk:
                *lines, rest = rest.split(b"\n")
                yield from (bytes(line) for line in lines if line.strip())
            if len(rest) > MAX_EVENT:
                watched = f"{resource_paths.spoken(self._path)} at {self._host}"
                what = f"an event in the watch of {watched} is larger than {MAX_EVENT >> 20} MiB"
                raise ClusterError(
                    what,
                    hint="check that `server` in the kubeconfig is the URL of a Kubernetes API "
                    "server",
                )

    def _broken(self, error: Exception) -> ClusterError:
        if api_errors.timed_out(error):
            watched = f"{resource_paths.spoken(self._path)} at {self._host}"
            return SilentError(
                f"the server did not end the watch of {watched} after the requested time"
            )
        return api_errors.from_exception(error, "GET", self._path, self._host)

    def _failure(self, body: bytes) -> Exception:
        status = api_errors.read_status(body)
        answer = Answer(method="GET", path=self._path, status=status.code or 500, body=body)
        return api_errors.from_answer(answer, self._host)
