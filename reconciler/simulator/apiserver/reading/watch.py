"""WatchStream: collects the events that the client of one watch request receives.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/endpoints/handlers/watch.go and
pkg/storage/cacher/cache_watcher.go.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.kubectl_face.table import Form, metadata_of, table, wanted
from reconciler.simulator.apiserver.reading.get_and_list import selection
from reconciler.simulator.apiserver.request import status_errors
from reconciler.simulator.apiserver.request.api_faults import Effect
from reconciler.simulator.apiserver.request.http_messages import JSON_TYPE, Headers
from reconciler.simulator.encoding.json_codec import decode, encode
from reconciler.simulator.store.history import ExpiredError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.simulator.apiserver.request.api_call import ApiCall
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.history import StoreEvent
    from reconciler.simulator.store.store import Store

_BOOKMARK_EVERY_S: Final = 60.0
_INITIAL_END: Final = "k8s.io/initial-events-end"


class WatchStream:
    """An open watch, with the events that the client has not received yet.

    The store adds a frame (one line of JSON) for each changed object. The HTTP server or the test
    calls `poll` to get the frames, until `ended` is set. Timeouts and bookmarks use the simulated
    clock.
    """

    status: Final = 200
    headers: Final[Headers] = (("Content-Type", JSON_TYPE),)

    def __init__(self, store: Store, call: ApiCall, *, delay_s: float = 0.0) -> None:
        self.delay_s: Final = delay_s
        self.ended = False
        self._store = store
        self._call = call
        self._chosen = selection(call)
        self._form = wanted(call.request.header("accept"))
        self._frames: deque[bytes] = deque()
        self._sent = 0
        self._silent_after, self._drop_after = _limits(call)
        self._ready: Callable[[], object] | None = None
        start = store.clock.monotonic()
        timeout = call.integer("timeoutSeconds")
        self._ends_at = start + timeout if timeout else float("inf")
        bookmarks = call.request.flag("allowWatchBookmarks")
        self._bookmark_at = start + _BOOKMARK_EVERY_S if bookmarks else float("inf")
        with store.lock:
            self._unsubscribe = store.subscribe(self._on_event)
            self._begin()

    def poll(self) -> list[bytes]:
        """Returns the watch events that are ready to send; ends the watch at its timeout."""
        with self._store.lock:
            now = self._store.clock.monotonic()
            if now >= self._bookmark_at and not self.ended:
                self._bookmark()
                self._bookmark_at = now + _BOOKMARK_EVERY_S
            if now >= self._ends_at:
                self.close()
            frames = list(self._frames)
            self._frames.clear()
            return frames

    def wake_at(self) -> float:
        """Returns the simulated time of the next bookmark or of the timeout, whichever is earlier.

        The caller must call `poll` at this time.
        """
        return min(self._ends_at, self._bookmark_at)

    def on_ready(self, callback: Callable[[], object]) -> None:
        """Registers a callback that runs, in any thread, when the caller should call `poll`."""
        with self._store.lock:
            self._ready = callback
            if self._frames or self.ended:
                callback()

    def close(self) -> None:
        """Ends the watch; `poll` still returns events that are ready to send."""
        with self._store.lock:
            if self.ended:
                return
            self.ended = True
            self._unsubscribe()
            self._wake()

    def _begin(self) -> None:
        store, call = self._store, self._call
        storage, scope = call.resource.storage, call.scope
        asked = call.integer("resourceVersion")
        initial = call.request.flag("sendInitialEvents")
        if not asked or initial:
            for body in store.page(storage, scope).bodies:
                if self._chosen.everything or self._chosen.matches(decode(body)):
                    self._send("ADDED", body)
            if initial:
                self._bookmark({_INITIAL_END: "true"})
            return
        if any(fault.effect is Effect.EXPIRE for fault in call.faults):
            self._fail(asked, store.rv)
            return
        try:
            missed = store.events_since(asked, storage, scope)
        except ExpiredError as error:
            self._fail(asked, error.compacted)
            return
        for event in missed:
            self._offer(event)

    def _on_event(self, event: StoreEvent) -> None:
        key, call = event.key, self._call
        if key.resource == call.resource.storage and call.scope in {None, key.namespace}:
            self._offer(event)

    def _offer(self, event: StoreEvent) -> None:
        """Adds a watch event for a change if the selectors match the old or the new object."""
        kind = event.type
        if not self._chosen.everything:
            after = kind != "DELETED" and self._chosen.matches(decode(event.body))
            before = event.previous is not None and self._chosen.matches(decode(event.previous))
            if not after and not before:
                return
            kind = "MODIFIED" if after and before else "ADDED" if after else "DELETED"
        self._send(kind, event.body)

    def _send(self, kind: str, body: bytes) -> None:
        if self.ended or self._sent >= self._silent_after:
            return
        self._frames.append(_frame(kind, self._shown(body)))
        self._sent += 1
        if self._sent >= self._drop_after:
            self.close()
        self._wake()

    def _shown(self, body: bytes) -> bytes:
        if self._form is Form.OBJECT:
            return self._call.present_bytes(body)
        obj = decode(body)
        if self._form is not Form.TABLE:
            return encode(metadata_of(obj))
        metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        return encode(
            table(
                self._call.resource,
                [obj],
                metadata,
                self._store.clock.now(),
                include=self._call.request.param("includeObject"),
                headers=self._sent == 0,
            )
        )

    def _bookmark(self, annotations: Json | None = None) -> None:
        if self._sent >= self._silent_after:
            return
        metadata: Json = {"resourceVersion": str(self._store.rv), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        resource = self._call.resource
        shown: Json = {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            "metadata": metadata,
        }
        if self._form is Form.TABLE:
            shown = table(resource, [], metadata, self._store.clock.now(), headers=False)
        self._frames.append(_frame("BOOKMARK", encode(shown)))
        self._wake()

    def _fail(self, asked: int, oldest: int) -> None:
        message = f"too old resource version: {asked} ({oldest})"
        self._frames.append(_frame("ERROR", encode(status_errors.expired(message).status)))
        self.close()

    def _wake(self) -> None:
        if self._ready is not None:
            self._ready()


def _frame(kind: str, body: bytes) -> bytes:
    return b"".join((b'{"type":"', kind.encode(), b'","object":', body, b"}\n"))


def _limits(call: ApiCall) -> tuple[float, float]:
    """Returns the numbers of events after which faults silence the watch, and end it."""
    silent = [f.events for f in call.faults if f.effect is Effect.SILENT]
    drop = [f.events for f in call.faults if f.effect is Effect.DROP]
    return min(silent, default=float("inf")), min(drop, default=float("inf"))
