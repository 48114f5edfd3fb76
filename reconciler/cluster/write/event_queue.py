"""``QueuedRecorder``: sends Kubernetes Events in the background, so that writes do not wait."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

from reconciler.cluster.api import threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from reconciler.cluster.write.events import ClusterRecorder, Event
    from reconciler.model.references import ObjectRef

log = logging.getLogger(__name__)

SENDERS = 4
"""The number of Events sent in parallel, a quarter of the number of parallel patches."""
MOST_WAITING = 4000
"""The maximum number of Events in the queue, about 10 MB; more Events are dropped."""
_DRAIN_S = 15.0
"""How long a run waits at its end until all Events are sent, in seconds of real time."""
_HURRIED_S = 0.5
"""How long a run waits for unsent Events after a signal, in seconds; the run has 10 s to exit."""
_SLICE_S = 0.1
"""The interval, in seconds, of checks for a signal while a run waits for unsent Events."""


class QueuedRecorder:
    """A ``ports.Recorder`` that sends Events in the background, in order for each object.

    Use an instance in one ``with`` block. Each sender has a queue, and all Events about an object
    pass through the same queue. At the end of the block, the recorder waits a limited time for
    queued Events, and logs how many Events were not recorded.

    Args:
        hurried: Returns whether the process received a signal to end.
        broken: Called at the end with each error that ended a sender unexpectedly.
        most_waiting: The maximum number of queued Events.
    """

    def __init__(
        self,
        recorder: ClusterRecorder,
        *,
        hurried: Callable[[], bool],
        broken: Callable[[BaseException], None],
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._recorder, self._hurried, self._most_waiting = recorder, hurried, most_waiting
        self._broken = broken
        self._queues: tuple[SimpleQueue[Event | None], ...] = tuple(
            SimpleQueue() for _ in range(SENDERS)
        )
        self._senders: list[Future[None]] = []
        self._lock = threading.Lock()
        self._made = self._recorded = self._waiting = 0
        self._over = False

    def __enter__(self) -> Self:
        self._senders = [threads.start(self._send, queue) for queue in self._queues]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until the Events are sent, except after an error; log the number of lost Events."""
        for queue in self._queues:
            queue.put(None)
        if kind is None:
            self._drain()
        self._over = True
        with self._lock:
            missed = self._made - self._recorded
        if missed:
            log.warning("%d of %d Kubernetes Events were not created", missed, self._made)

    def _drain(self) -> None:
        """Wait until every Event is sent or the time limit is reached."""
        slices = 0
        while wait(self._senders, _SLICE_S).not_done:
            slices += 1
            if slices * _SLICE_S >= (_HURRIED_S if self._hurried() else _DRAIN_S):
                break
        for sender in self._senders:
            if sender.done() and (error := sender.exception()) is not None:
                self._broken(error)

    def record(
        self, ref: ObjectRef, uid: str, *, reason: str, message: str, warning: bool = False
    ) -> None:
        """Queue an Event about an object; the arguments are those of ``ClusterRecorder.event``."""
        event = self._recorder.event(ref, uid, reason=reason, message=message, warning=warning)
        with self._lock:
            self._made += 1
            if self._waiting >= self._most_waiting:
                return
            self._waiting += 1
        self._queues[hash(ref) % SENDERS].put(event)

    def _send(self, queue: SimpleQueue[Event | None]) -> None:
        """Send the Events in one queue in order until the end marker."""
        while (event := queue.get()) is not None and not self._over:
            try:
                recorded = self._recorder.send(event)
            except Exception:
                log.exception("later Events about %s will not be created", event.ref)
                raise
            with self._lock:
                self._waiting -= 1
                self._recorded += recorded
