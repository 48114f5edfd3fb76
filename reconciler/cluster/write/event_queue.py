"""Leaves Events in the background, so that no write waits for one."""

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

BESIDE = 1
"""Events under way at once while the run goes on.

They share with the patches what API priority and fairness leaves this client, and this process's
time. No webhook looks at an Event, so that a server takes several in the time of one patch.
"""
SENDERS = 8
"""The same once the run is over: half as many as there were patches."""
MOST = 4000
"""Events that wait, some 10 MB; what comes while so many wait is left out."""
_DRAIN_S = 15.0
"""For how long a run that is over waits for its Events, in real seconds."""
_HURRIED_S = 0.5
"""The same where the process was asked to end: within 10 s, most of which others may need."""
_SLICE_S = 0.1
"""How soon it is noticed that the process was asked to end."""


class QueuedRecorder:
    """Implements ``ports.Recorder``: queues what *recorder* leaves; opened with ``with``.

    The Events of one object are left one after the other, in the order in which they happened. At
    the end what waits is left, within a bound; then what the server has not said that it took is
    counted, in one line of the log.

    Args:
        hurried: Whether the process was asked to end.
        most: How many may wait.
    """

    def __init__(
        self, recorder: ClusterRecorder, *, hurried: Callable[[], bool], most: int = MOST
    ) -> None:
        self._recorder, self._hurried, self._most = recorder, hurried, most
        self._queues: tuple[SimpleQueue[Event | None], ...] = tuple(
            SimpleQueue() for _ in range(SENDERS)
        )
        self._senders: dict[int, Future[None]] = {}
        self._turns = threading.Semaphore(BESIDE)
        self._lock = threading.Lock()
        self._recorded = self._left = self._waiting = 0
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drain the queue; where an error or a second Ctrl-C ended the block, only count."""
        for queue in self._queues:
            queue.put(None)
        if kind is None:
            self._drain()
        self._over = True
        with self._lock:
            missed = self._recorded - self._left
        if missed:
            log.warning("%d of %d events were not recorded", missed, self._recorded)

    def _drain(self) -> None:
        """Wait until every Event is left, or for as long as is waited at most."""
        self._turns.release(SENDERS - BESIDE)
        slices = 0
        while wait(self._senders.values(), _SLICE_S).not_done:
            slices += 1
            if slices * _SLICE_S >= (_HURRIED_S if self._hurried() else _DRAIN_S):
                break
        for each in self._senders.values():
            if each.done():
                each.result()  # an error of ours is not swallowed

    def record(
        self, ref: ObjectRef, uid: str, *, reason: str, message: str, warning: bool = False
    ) -> None:
        """Let one Event be left soon; as ``ClusterRecorder.made``."""
        event = self._recorder.made(ref, uid, reason=reason, message=message, warning=warning)
        with self._lock:
            self._recorded += 1
            if self._waiting >= self._most:
                return
            self._waiting += 1
            number = hash(ref) % SENDERS
            if number not in self._senders:
                self._senders[number] = threads.begin(self._send, self._queues[number])
        self._queues[number].put(event)

    def _send(self, queue: SimpleQueue[Event | None]) -> None:
        """Leave what comes out of *queue*, until its end."""
        while (event := queue.get()) is not None:
            with self._turns:
                if self._over:
                    return
                try:
                    left = self._recorder.leave(event)
                except Exception:
                    log.exception("the next events of %s are not recorded", event.ref)
                    raise
            with self._lock:
                self._waiting -= 1
                self._left += left
