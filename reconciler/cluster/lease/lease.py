"""``ClusterLease``: holds the ``coordination.k8s.io/v1`` Lease that a run needs for its writes.

Another holder counts as alive as long as the Lease keeps changing; the times in the Lease are not
compared with the local clock. Every write includes the resourceVersion that was read, so that only
one of two runs can succeed. The lock of the ``kubernetes`` library is not used: that lock builds
its own client, returns failures as values and cannot release the lease.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, TypeVar

from reconciler.cluster.api.micro_time import micro_time
from reconciler.cluster.api.retry import Backoff, repeat
from reconciler.cluster.lease import lease_record
from reconciler.cluster.lease.lease_requests import LeaseRequests
from reconciler.cluster.lease.lease_times import LeaseTimes
from reconciler.cluster.lease.other_holder import OtherHolder
from reconciler.errors import (
    ClusterError,
    ConflictError,
    LeaseHeldError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)
from reconciler.model.annotations import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from reconciler.cluster.api.client import Client
    from reconciler.ports import Clock

T = TypeVar("T")
log = logging.getLogger(__name__)

_POLL_S = 1.0
_MOST_CONFLICTS = 10
"""The maximum number of conflicts while a run acquires the lease.

More conflicts mean that the server returns stale objects.
"""
_BRIEF_S = 1.0
"""If the lease expires within this time, in seconds, only one more renewal is attempted."""


class ClusterLease:
    """A ``ports.Lease`` that acquires and renews one Lease; not thread-safe.

    Args:
        namespace: The namespace of the KubeVirt CR.
        holder: The unique name of this run, such as the pod or host name with a run id.
        scale: How many seconds of the clock pass in one real second.
        wait_s: The longest wait to see whether another holder is alive, in real seconds; None
            means the lease duration.
        alive_s: How long to wait until another holder that is alive releases the lease, in real
            seconds.
        waiting: Called each second of the wait, for example to renew another lease.
        level: The log level of the message that reports another holder.
    """

    def __init__(  # noqa: PLR0913 - each but the client is given by name
        self,
        client: Client,
        *,
        clock: Clock,
        namespace: str,
        name: str,
        holder: str,
        times: LeaseTimes | None = None,
        scale: float = 1.0,
        wait_s: float | None = None,
        alive_s: float = 0.0,
        waiting: Callable[[], object] = lambda: None,
        level: int = logging.INFO,
    ) -> None:
        self._level = level
        self._requests = LeaseRequests(client, namespace, name)
        self._clock = clock
        self._scale = scale
        self._where = f"{namespace}/{name}"
        self._fresh = lease_record.fresh(namespace, name)
        self._holder = holder
        self._times = times or LeaseTimes()
        self._wait_s = math.inf if wait_s is None else wait_s
        self._alive_s = alive_s
        self._waiting = waiting
        self._abandoned = False
        self._record: dict[str, Any] | None = None
        self._annotations: Mapping[str, str] = {}
        self._unwritten: dict[str, str | None] = {}
        self._queued: dict[str, str | None] = {}
        self._renewed_at = 0.0
        self._not_before = 0.0

    def __enter__(self) -> Self:
        """Acquire the lease; wait up to the lease duration to see whether another holder is alive.

        If ``alive_s`` was given, the method waits until a holder that is alive releases the lease.

        Raises:
            LeaseHeldError: Another run holds the lease and is alive, or might still be alive.
            ClusterError: The lease cannot be read or written.
        """
        began, conflicts = self._now(), 0
        other = self._other_holder()
        while True:
            record = self._repeated(self._read)
            try:
                free = (
                    record is None
                    or lease_record.holder_of(record) in ("", self._holder)
                    or other.is_dead(record, self._now())
                )
            except LeaseHeldError:
                if self._now() - began >= self._alive_s:
                    raise
                free, other = False, self._other_holder()
            if free:
                try:
                    self._repeated(partial(self._acquire, record))
                except ConflictError:
                    conflicts += 1
                    if conflicts > _MOST_CONFLICTS:
                        raise
                    other = self._other_holder()
                    continue
                return self
            left_s = self._wait_s - (self._now() - began)
            if left_s <= 0 and record is not None:
                raise other.unsettled(record)
            self._waiting()
            self._clock.sleep(min(_POLL_S, left_s) * self._scale)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the lease, unless ``abandon`` was called; in that case, let the lease expire.

        If the release fails, the next run must wait until the lease expires.
        """
        if self._record is None:
            return
        if self._abandoned:
            self._record = None
            words = (
                "the lease %s is not released and will expire, because a write might still be "
                "in progress"
            )
            log.warning(words, self._where)
            return
        record, self._record = self._record, None
        until = self._now() + self._times.release_s
        try:
            try:
                self._release(record, until)
            except ConflictError:  # after our own renewal without a response, or an edit by others
                found = self._requests.read(self._half_of(until))
                if found is not None and lease_record.holder_of(found) == self._holder:
                    self._release(found, until)
        except ClusterError as failure:
            log.warning("cannot release the lease %s: %s", self._where, failure)

    def abandon(self) -> None:
        """Prevent the release of the lease on exit, because a write might still be in progress.

        The lease is renewed as before until exit. After that it expires.
        """
        self._abandoned = True

    def held(self) -> bool:
        """Renew the lease if a renewal is due, and return whether this run holds the lease.

        The result stays False once another run has taken over the lease or the Lease was deleted.
        The result is also False while renewals have failed for almost the whole lease duration.
        If the process was suspended for a long time, the lease is renewed first; this fails if
        another run holds the lease.
        """
        if self._record is None:
            return False
        now = self._now()
        due = self._unwritten or now - self._renewed_at >= self._times.renew_s
        if due and now >= self._not_before and self._renew() and not self.valid_s():
            self._renew()  # the process slept during the first renewal
        return self.valid_s() > 0.0

    def valid_s(self) -> float:
        """Return for how many real seconds the lease remains valid without a renewal.

        The result is 0 if the lease is lost.
        """
        if self._record is None:
            return 0.0
        age_s = self._now() - self._renewed_at
        return max(0.0, self._times.duration_s - self._times.margin_s - age_s)

    def annotations(self) -> Mapping[str, str]:
        """Return the Lease annotations whose names start with this program's prefix."""
        return self._annotations

    def annotate(self, annotations: Mapping[str, str | None]) -> bool:
        """Write annotations to the Lease immediately; the value None removes an annotation.

        The keys of *annotations* are full names. After a failure, the next renewal or the release
        writes the annotations. Annotations that the server rejects are dropped with a warning.

        Returns:
            Whether the annotations are written; False if the lease is lost or no response arrived.

        Raises:
            ValueError: A name does not have this program's prefix.
        """
        _check_names(annotations)
        if self._record is None:
            return False
        # An older value that waits for the next renewal must not replace this newer one.
        for name in self._queued.keys() & annotations.keys():
            del self._queued[name]
        self._unwritten = self._changed({**self._unwritten, **annotations})
        if not self._unwritten:
            return True
        if self._now() >= self._not_before:
            self._renew()
        return not self._unwritten and all(
            self._annotations.get(name) == value for name, value in annotations.items()
        )

    def annotate_later(self, annotations: Mapping[str, str | None]) -> None:
        """Write annotations to the Lease at its next renewal or release.

        The value None removes an annotation.

        Raises:
            ValueError: A name does not have this program's prefix.
        """
        _check_names(annotations)
        # A value that a failed request could not write must not replace this newer one.
        waiting = self._unwritten.keys() & annotations.keys()
        self._unwritten |= {name: annotations[name] for name in waiting}
        self._queued = self._changed({**self._queued, **annotations})

    def _changed(self, wanted: Mapping[str, str | None]) -> dict[str, str | None]:
        """Return the given annotations whose values differ from those in the Lease."""
        known = self._annotations
        return {name: value for name, value in wanted.items() if known.get(name) != value}

    def _renew(self) -> bool:
        """Renew the lease and write pending annotations; return False if the renewal failed."""
        if self._record is None:
            return False
        try:
            if self._rewrite(self._record):
                return True
        except NotFoundError:
            log.warning("the lease %s was deleted", self._where)
        except ClusterError as failure:
            log.warning("cannot renew the lease %s: %s", self._where, failure)
            asked_s = failure.retry_after_s if isinstance(failure, UnavailableError) else None
            # A Retry-After may exceed the lease, so one more attempt is made before its end.
            pause_s = max(self._times.again_s, min(asked_s or 0.0, self.valid_s() / 2))
            self._not_before = self._now() + pause_s
            return False
        self._record, self._unwritten = None, {}
        return False

    def _rewrite(self, record: dict[str, Any]) -> bool:
        try:
            return self._write(record) or self._write_again()
        except RejectedError as refusal:
            names = sorted({*self._unwritten, *self._queued})
            if not names:
                raise
            words = "the server rejected the annotations of the lease %s (%s): %s"
            log.warning(words, self._where, ", ".join(names), refusal)
            self._unwritten, self._queued = {}, {}
        return self._write(record) or self._write_again()

    def _write_again(self) -> bool:
        """Renew the lease again after a conflict, unless another run has acquired the lease.

        A conflict can also result from another client's edit, or from an earlier write of our own
        that got no response.
        """
        record = self._read()
        holder = lease_record.holder_of(record) if record else ""
        if record is None or holder != self._holder:
            now = f"{holder} holds it now" if holder else "no run holds it now"
            log.warning("this run lost the lease %s; %s", self._where, now)
            return False
        return self._write(record)

    def _repeated(self, ask: Callable[[], T]) -> T:
        """Send a request; repeat it after status 429, since the server did not execute it.

        Call this method only before this run holds the lease; later, a pause could cause the loss
        of the lease.
        """
        return repeat(
            ask,
            clock=self._clock,
            backoff=Backoff(),
            retryable=lambda error: error.status == HTTPStatus.TOO_MANY_REQUESTS,
        )

    def _acquire(self, record: dict[str, Any] | None) -> None:
        """Write this run into the Lease as the holder.

        Args:
            record: The Lease that was read, or None if the Lease does not exist.

        Raises:
            ConflictError: Another client changed the Lease first.
            ClusterError: The lease cannot be written.
        """
        began, stamp = self._now(), micro_time(self._clock.now())
        base = record or self._fresh
        ours = lease_record.taken(base, self._holder, self._times.duration_s, stamp)
        send = self._requests.update if record else self._requests.create
        self._keep(send(ours, self._limit_s()), began)

    def _write(self, record: dict[str, Any]) -> bool:
        """Renew the lease; return False if another client changed the Lease first.

        All other fields stay unchanged, since the annotations hold the progress of a rollout.
        """
        began, stamp = self._now(), micro_time(self._clock.now())
        ours = lease_record.renewed(record, self._holder, self._times.duration_s, stamp)
        body = lease_record.annotated(ours, {**self._queued, **self._unwritten})
        try:
            written = self._requests.update(body, self._limit_s())
        except ConflictError:
            return False
        # The age counts from before the request, which is the earliest time of the renewal.
        self._keep(written, began)
        return True

    def _keep(self, record: dict[str, Any], renewed_at: float) -> None:
        self._record, self._renewed_at = record, renewed_at
        self._annotations = lease_record.annotations_of(record)
        self._unwritten, self._queued = {}, {}

    def _release(self, record: dict[str, Any], until: float) -> None:
        changes = {**self._queued, **self._unwritten}
        body = lease_record.annotated(lease_record.released(record), changes)
        self._requests.update(body, self._half_of(until))

    def _read(self) -> dict[str, Any] | None:
        return self._requests.read(self._limit_s())

    def _limit_s(self) -> float:
        """Compute a request timeout so short that two requests fit before the lease ends."""
        valid_s = self.valid_s()
        if valid_s < _BRIEF_S:
            return self._times.request_s
        return min(self._times.request_s, valid_s / 2)

    def _half_of(self, until: float) -> float:
        return max(0.1, (until - self._now()) / 2)

    def _now(self) -> float:
        """Return the monotonic time in real seconds, without the scale of a simulated clock."""
        return self._clock.monotonic() / self._scale

    def _other_holder(self) -> OtherHolder:
        return OtherHolder(
            where=self._where,
            host=self._requests.host,
            duration_s=self._times.duration_s,
            since=self._now(),
            level=self._level,
        )


def _check_names(annotations: Mapping[str, str | None]) -> None:
    if foreign := [name for name in annotations if not name.startswith(PREFIX)]:
        raise ValueError(f"{foreign[0]} does not start with {PREFIX}")
