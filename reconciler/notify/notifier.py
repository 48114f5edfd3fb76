"""``Notifier``: sends notifications in a thread, so that a slow receiver never blocks the caller.

Each receiver has its own queue and its own pauses. A notification that cannot be sent is retried
for some minutes; then it is logged, counted and dropped.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

from reconciler.errors import UsageError
from reconciler.model.backoff import pause_s
from reconciler.model.service.notification import (
    Delivery,
    DeliveryState,
    Notification,
    NotificationRecord,
)
from reconciler.model.service.receiver import NotifySettings, Receiver, ReceiverKind
from reconciler.notify.delivery import Attempt, attempt
from reconciler.notify.notification_history import NotificationHistory
from reconciler.worker_thread import WorkerThread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from reconciler.ports import Clock

log = logging.getLogger(__name__)

MOST_QUEUED = 100
"""The maximum number of queued notifications for one receiver; the oldest are dropped."""
GIVE_UP_S = 900.0
"""The time in seconds for which a failed notification is retried."""
REPEAT_S = 60.0
"""The interval in seconds at which problems that still exist are sent to Alertmanager again.

Prometheus itself repeats its alerts every minute.
"""
FIRST_S, LONGEST_S = 1.0, 60.0
"""The first and the longest pause after a failed attempt, in seconds, without jitter."""
END_S = 3.0
"""How long the process waits at its end for queued notifications, in seconds of real time."""
_IDLE_S = 5.0
_RANDOM = random.Random()  # noqa: S311 - jitter, not cryptography


class Bodies(Protocol):
    """Renders the request bodies for one kind of receiver as JSON values."""

    def one(self, notification: Notification, settings: NotifySettings, now: datetime) -> object:
        """Return the request body for a new notification."""
        ...

    def many(
        self, lasting: Sequence[Notification], settings: NotifySettings, now: datetime
    ) -> object:
        """Return the request body that repeats all problems that still exist."""
        ...


@dataclass(slots=True, kw_only=True)
class _Job:
    notification: Notification
    queued_at: float
    attempts: int = 0


@dataclass(slots=True, kw_only=True)
class _Queue:
    """The notifications that wait to be sent to one receiver."""

    jobs: deque[_Job] = field(default_factory=deque)
    failures: int = 0
    """The number of consecutive failed attempts."""
    not_before: float = 0.0
    repeated_at: float | None = None
    """When problems that still exist were last sent again, or None if they never were."""


class Notifier:
    """Sends notifications to all receivers; every method can be called from any thread.

    Args:
        settings: Reads the receivers; called each time before notifications are sent, so that a
            changed file takes effect immediately. Raises UsageError if the file cannot be used.
        bodies: Renders the request body for each kind of receiver.
        clock: Measures the pauses.
        counted: Called with the name of the receiver and the result of each notification.
        deliver: Sends one request body once; tests replace this function.
        end_s: How long the end of the ``with`` block waits for queued notifications, in seconds of
            real time.
    """

    def __init__(
        self,
        settings: Callable[[], NotifySettings],
        bodies: Mapping[ReceiverKind, Bodies],
        clock: Clock,
        *,
        counted: Callable[[str, str], None] = lambda _receiver, _result: None,
        deliver: Callable[..., Attempt] = attempt,
        end_s: float = END_S,
    ) -> None:
        self._read, self._bodies, self._clock = settings, bodies, clock
        self._counted, self._deliver, self._end_s = counted, deliver, end_s
        self._worker = WorkerThread("notifier", self._run)
        self._changed = self._worker.changed
        self._inbox: deque[Notification] = deque(maxlen=MOST_QUEUED)
        self._lasting: tuple[Notification, ...] = ()
        self._queues: dict[str, _Queue] = {}
        self._settings = NotifySettings()
        self._problem = ""
        self._history = NotificationHistory()

    def __enter__(self) -> Self:
        self._worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Attempt to send the queued notifications once more; wait for at most ``end_s``."""
        self._worker.end(self._end_s)

    @property
    def is_open(self) -> bool:
        """Whether notifications are still sent; False while the process ends."""
        return not self._worker.ending

    def send(self, notifications: tuple[Notification, ...]) -> None:
        """Queue notifications for all receivers, and return immediately."""
        with self._changed:
            self._inbox.extend(notifications)
            self._changed.notify_all()

    def repeat(self, lasting: tuple[Notification, ...]) -> None:
        """Set the problems that still exist, which are sent to Alertmanager at intervals."""
        with self._changed:
            self._lasting = lasting

    def history(self) -> tuple[NotificationRecord, ...]:
        """Return the last notifications and their state for each receiver, newest first."""
        return self._history.records()

    def work(self) -> float:
        """Send every notification that is due now, and return the seconds until the next one."""
        settings = self._reread()
        with self._changed:
            taken = tuple(self._inbox)
            self._inbox.clear()
            lasting = self._lasting
        now = self._clock.monotonic()
        for each in taken:
            self._enqueue(each, settings, now)
        receivers = {each.name: each for each in settings.receivers}
        self._drop_removed(receivers)
        for name, receiver in receivers.items():
            queue = self._queues.setdefault(name, _Queue())
            if queue.not_before > self._clock.monotonic():
                continue
            if queue.jobs:
                self._first(receiver, queue, settings)
            elif receiver.kind is ReceiverKind.ALERTMANAGER:
                self._repeat(receiver, queue, settings, lasting)
        return self._pause()

    def _run(self) -> None:
        while True:
            try:
                wait_s = self.work()
            except Exception:
                # A bug must not end the thread, and the caller must not notice it.
                log.exception("notifications are delayed because of a bug in reconciler")
                wait_s = LONGEST_S
            if self._worker.ending:
                break
            self._worker.pause(wait_s, until=lambda: self._inbox)
        self._end()

    def _end(self) -> None:
        try:
            self.work()
        except Exception:
            log.exception("notifications are lost because of a bug in reconciler")
        for name, queue in self._queues.items():
            for job in queue.jobs:
                self._close(name, job, DeliveryState.DROPPED, "the process ended first")

    def _reread(self) -> NotifySettings:
        try:
            self._settings, problem = self._read(), ""
        except UsageError as error:
            problem = str(error)
        if problem and problem != self._problem:
            log.error(
                "cannot use the new notification settings, so the previous ones still apply: %s",
                problem,
            )
        self._problem = problem
        return self._settings

    def _enqueue(self, notification: Notification, settings: NotifySettings, now: float) -> None:
        wanted = [each for each in settings.receivers if each.wants(notification)]
        self._history.add(notification, [each.name for each in wanted])
        for each in wanted:
            queue = self._queues.setdefault(each.name, _Queue())
            if len(queue.jobs) >= MOST_QUEUED:
                self._close(
                    each.name, queue.jobs.popleft(), DeliveryState.DROPPED, "the queue was full"
                )
            queue.jobs.append(_Job(notification=notification, queued_at=now))

    def _drop_removed(self, receivers: Mapping[str, Receiver]) -> None:
        for name in self._queues.keys() - receivers.keys():
            for job in self._queues.pop(name).jobs:
                self._close(
                    name, job, DeliveryState.DROPPED, "the receiver was removed from the settings"
                )

    def _first(self, receiver: Receiver, queue: _Queue, settings: NotifySettings) -> None:
        """Try to send the oldest queued notification to a receiver."""
        job = queue.jobs[0]
        job.attempts += 1
        try:
            body = self._bodies[receiver.kind].one(job.notification, settings, self._clock.now())
            found = self._deliver(receiver, body, self._clock, key=job.notification.id)
        except Exception as error:
            log.exception("a notification was not sent because of a bug in reconciler")
            found = Attempt(problem=f"a bug in reconciler: {type(error).__name__}")
        now = self._clock.monotonic()
        self._pause_after(queue, found, now)
        if found.sent:
            queue.jobs.popleft()
            self._close(receiver.name, job, DeliveryState.SENT, "")
        elif not found.repeat or now - job.queued_at + found.wait_s > GIVE_UP_S:
            queue.jobs.popleft()
            self._close(receiver.name, job, DeliveryState.FAILED, found.problem)
        else:
            self._history.update(
                job.notification,
                Delivery(
                    receiver=receiver.name,
                    state=DeliveryState.QUEUED,
                    attempts=job.attempts,
                    message=found.problem,
                ),
            )

    def _repeat(
        self,
        receiver: Receiver,
        queue: _Queue,
        settings: NotifySettings,
        lasting: tuple[Notification, ...],
    ) -> None:
        wanted = [each for each in lasting if receiver.wants(each)]
        now = self._clock.monotonic()
        if not wanted or (queue.repeated_at is not None and now - queue.repeated_at < REPEAT_S):
            return
        queue.repeated_at = now
        body = self._bodies[receiver.kind].many(wanted, settings, self._clock.now())
        found = self._deliver(receiver, body, self._clock)
        if not found.sent and not queue.failures:
            words = "cannot send the unresolved problems to the receiver %s again: %s"
            log.warning(words, receiver.name, found.problem)
        self._pause_after(queue, found, self._clock.monotonic())

    def _pause_after(self, queue: _Queue, found: Attempt, now: float) -> None:
        if found.sent:
            queue.failures = 0
            return
        queue.failures += 1
        wait_s = pause_s(
            queue.failures, first_s=FIRST_S, longest_s=LONGEST_S, jitter=_RANDOM.random()
        )
        queue.not_before = now + max(wait_s, found.wait_s)

    def _close(self, name: str, job: _Job, state: DeliveryState, message: str) -> None:
        """Record the final state of one notification for one receiver."""
        if state is not DeliveryState.SENT:
            words = "notification %s was not sent to the receiver %s after %d attempts: %s"
            log.error(words, job.notification.id, name, job.attempts, message)
        self._counted(name, state.value)
        self._history.update(
            job.notification,
            Delivery(receiver=name, state=state, attempts=job.attempts, message=message),
        )

    def _pause(self) -> float:
        """Return the seconds until the next notification is due."""
        now = self._clock.monotonic()
        waits = (each.not_before - now for each in self._queues.values() if each.jobs)
        return max(0.0, min(_IDLE_S, *waits, _IDLE_S))
