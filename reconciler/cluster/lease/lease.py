"""The right to patch, held as a ``coordination.k8s.io/v1`` Lease.

Whether another holder is alive is judged by watching its record change, never by comparing its
times with our clock. Every write names the resourceVersion that was read, so that of two runs only
one can win. The ``kubernetes`` library's own lock was not used: it builds its own client, hides
failures as values and cannot give the lease back.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.micro_time import micro_time
from reconciler.cluster.lease import lease_record
from reconciler.errors import (
    ClusterError,
    ConflictError,
    LeaseHeldError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from reconciler.cluster.api.client import Client
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

_POLL_S = 1.0
_LONGEST_S = 120.0
"""As long as a silent holder's record is believed, whatever duration it names.

No run asks for more than ``LeaseTimes.duration_s``. A larger number is a slip of somebody's hand,
and would keep every run out for as long as it says. A holder that renews more seldom than this is
none of ours.
"""
_BRIEF_S = 1.0
"""With less than this to spare nothing is begun, so a renewal need not hurry for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How long a lease lasts and how it is kept, in real seconds."""

    duration_s: int = 30
    """After this long without a renewal others may take it."""
    renew_s: float = 10.0
    """Its age at which it is renewed."""
    margin_s: float = 5.0
    """How long before its end an unrenewed lease counts as gone, for a patch under way."""
    request_s: float = 5.0
    """The longest that one request may take, connecting and its answer together."""
    again_s: float = 2.0
    """How long after a renewal that failed the next one is tried."""
    give_back_s: float = 2.0
    """The longest that giving back may take."""


def _nothing() -> None:
    """What is done while waiting, where nothing has to be."""


class ClusterLease:
    """Implements ``ports.Lease``; not safe to use from several threads.

    Args:
        namespace: That of the KubeVirt CR.
        holder: Names this run and no other, such as pod or host and a run id.
        scale: Seconds of *clock* a real second.
        wait_s: The longest to watch another holder, in real seconds; None for its duration.
        waiting: Called again and again while another holder is watched, such as to keep a lease
            that is held already.
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
        waiting: Callable[[], object] = _nothing,
    ) -> None:
        # What is to be sent again is sent here: the client's patience could outlast the lease.
        self._client = client.without_retries()
        self._clock = clock
        self._scale = scale
        self._collection = resource_paths.collection(
            "leases", namespace, resource_paths.LEASES_API
        )
        self._path = resource_paths.member("leases", namespace, name, resource_paths.LEASES_API)
        self._where = f"{namespace}/{name}"
        self._fresh = lease_record.fresh(namespace, name)
        self._holder = holder
        self._times = times or LeaseTimes()
        self._wait_s = math.inf if wait_s is None else wait_s
        self._waiting = waiting
        self._abandoned = False
        self._record: dict[str, Any] | None = None
        self._notes: Mapping[str, str] = {}
        self._unwritten: dict[str, str | None] = {}
        self._renewed_at = 0.0
        self._not_before = 0.0

    def __enter__(self) -> Self:
        """Take the lease; waits to see whether another holder is alive, at most its duration.

        Raises:
            LeaseHeldError: Another run holds it and is alive, or the time to find out is over.
            ClusterError: The lease cannot be read or written.
        """
        began = self._now()
        seen, since = None, began
        while True:
            record = self._read()
            if record is None:
                if self._create():
                    return self
                continue
            spec, holder = lease_record.spec_of(record), lease_record.holder_of(record)
            foreign = holder not in ("", self._holder)
            if foreign and seen is not None and spec != seen:
                raise self._held_by(holder)
            silent_s = self._now() - since
            named_s = float(spec.get("leaseDurationSeconds") or self._times.duration_s)
            lasts_s = min(named_s, _LONGEST_S)
            dead = seen is not None and silent_s > lasts_s
            if not foreign or dead:
                if foreign:
                    words = "taking the lease %s from %s, which is silent for %.0f s"
                    log.warning(words, self._where, holder, silent_s)
                if self._write(record, taking=True):
                    return self
                seen, since = None, self._now()
                continue
            if seen is None:
                seen = spec
                words = "the lease %s is held by %s; watching whether it is renewed"
                log.info(words, self._where, holder)
            left_s = self._wait_s - (self._now() - began)
            if left_s <= 0:
                raise self._unsettled(holder)
            self._waiting()
            self._clock.sleep(min(_POLL_S, left_s) * self._scale)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lease back; a failure to do so costs the next run a wait, nothing else.

        One that was abandoned is left to run out.
        """
        if self._record is None:
            return
        if self._abandoned:
            self._record = None
            words = (
                "the lease %s is not given back, since a write may be under way; it ends by itself"
            )
            log.warning(words, self._where)
            return
        record, self._record = self._record, None
        until = self._now() + self._times.give_back_s
        try:
            try:
                self._free(record, until)
            except ConflictError:  # our own renewal came through unheard, or a foreign edit
                found = self._read(self._half_of(until))
                if found is not None and lease_record.holder_of(found) == self._holder:
                    self._free(found, until)
        except ClusterError as failure:
            log.warning("the lease %s is not given back: %s", self._where, failure)

    def abandon(self) -> None:
        """Let it run out instead of giving it back: a write may still be under way at the end.

        Until then it is held and renewed as before.
        """
        self._abandoned = True

    def held(self) -> bool:
        """Whether the lease is ours; renews it when due.

        False for good once another run has it or it is gone; False as long as renewing has failed
        for almost its duration. A process that slept through that time renews it first, which
        succeeds only where nobody else has taken it.
        """
        if self._record is None:
            return False
        now = self._now()
        due = self._unwritten or now - self._renewed_at >= self._times.renew_s
        if due and now >= self._not_before and self._renew() and not self.spare_s():
            self._renew()  # the process slept while the first one was under way
        return self.spare_s() > 0.0

    def spare_s(self) -> float:
        """For how many real seconds it stays ours though nothing renews it; 0 if it is lost."""
        if self._record is None:
            return 0.0
        age_s = self._now() - self._renewed_at
        return max(0.0, self._times.duration_s - self._times.margin_s - age_s)

    def notes(self) -> Mapping[str, str]:
        """The annotations under our prefix, by their whole names, as last read or written."""
        return self._notes

    def note(self, notes: Mapping[str, str | None]) -> bool:
        """Write annotations at once, by their whole names; None removes one.

        What could not be written is written with the next renewal, or when the lease is given
        back; what the server does not take is dropped with a warning.

        Returns:
            Whether they are written; False if the lease is lost, or no answer came.

        Raises:
            ValueError: A name is not under our prefix.
        """
        if foreign := [name for name in notes if not name.startswith(lease_record.NOTE_PREFIX)]:
            raise ValueError(f"{foreign[0]} does not begin with {lease_record.NOTE_PREFIX}")
        if self._record is None:
            return False
        wanted = {**self._unwritten, **notes}
        self._unwritten = {
            name: value for name, value in wanted.items() if self._notes.get(name) != value
        }
        if not self._unwritten:
            return True
        if self._now() >= self._not_before:
            self._renew()
        return not self._unwritten and all(
            self._notes.get(name) == value for name, value in notes.items()
        )

    def _renew(self) -> bool:
        """Write the lease anew, with what is to be noted; False if that was not heard of."""
        if self._record is None:
            return False
        try:
            if self._rewrite(self._record):
                return True
        except NotFoundError:
            log.warning("the lease %s was deleted", self._where)
        except ClusterError as failure:
            log.warning("the lease %s is not renewed: %s", self._where, failure)
            asked_s = failure.retry_after_s if isinstance(failure, UnavailableError) else None
            # A server may ask for more patience than the lease has: one more attempt is made.
            pause_s = max(self._times.again_s, min(asked_s or 0.0, self.spare_s() / 2))
            self._not_before = self._now() + pause_s
            return False
        self._record, self._unwritten = None, {}
        return False

    def _rewrite(self, record: dict[str, Any]) -> bool:
        try:
            return self._write(record, taking=False) or self._write_afresh()
        except RejectedError as refusal:
            if not self._unwritten:
                raise
            words = "the lease %s does not take %s: %s"
            log.warning(words, self._where, ", ".join(sorted(self._unwritten)), refusal)
            self._unwritten = {}
        return self._write(record, taking=False) or self._write_afresh()

    def _write_afresh(self) -> bool:
        """After a conflict: our own write came through unheard, a foreign edit, a new holder."""
        record = self._read()
        holder = lease_record.holder_of(record) if record else ""
        if record is None or holder != self._holder:
            log.warning("the lease %s is lost to %s", self._where, holder or "nobody")
            return False
        return self._write(record, taking=False)

    def _create(self) -> bool:
        began = self._now()
        stamp, lasts_s = micro_time(self._clock.now()), self._times.duration_s
        lease = lease_record.taken(self._fresh, self._holder, lasts_s, stamp)
        try:
            answer = self._client.send(
                "POST", self._collection, body=lease, timeout_s=self._limit_s()
            )
        except ConflictError:
            return False
        self._keep(lease_record.decoded(answer.body), began)
        return True

    def _write(self, record: dict[str, Any], *, taking: bool) -> bool:
        """Write *record* with us as its holder; False if somebody else wrote first.

        All else in it is kept: its annotations hold the progress of a rollout.
        """
        began = self._now()
        stamp = micro_time(self._clock.now())
        make = lease_record.taken if taking else lease_record.renewed
        ours = make(record, self._holder, self._times.duration_s, stamp)
        try:
            written = self._put(lease_record.noted(ours, self._unwritten), self._limit_s())
        except ConflictError:
            return False
        # Counted from before the request: the server may have stamped it as early as that.
        self._keep(written, began)
        return True

    def _keep(self, record: dict[str, Any], renewed_at: float) -> None:
        self._record, self._renewed_at = record, renewed_at
        self._notes = lease_record.notes_of(record)
        self._unwritten = {}

    def _free(self, record: dict[str, Any], until: float) -> None:
        body = lease_record.noted(lease_record.freed(record), self._unwritten)
        self._put(body, self._half_of(until))

    def _read(self, timeout_s: float | None = None) -> dict[str, Any] | None:
        limit_s = timeout_s or self._limit_s()
        try:
            answer = self._client.send("GET", self._path, timeout_s=limit_s)
        except NotFoundError:
            return None
        return lease_record.decoded(answer.body)

    def _put(self, record: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        answer = self._client.send("PUT", self._path, body=record, timeout_s=timeout_s)
        return lease_record.decoded(answer.body)

    def _limit_s(self) -> float:
        """The time-out of one request: it and one more fit in what is spare."""
        spare_s = self.spare_s()
        if spare_s < _BRIEF_S:
            return self._times.request_s
        return min(self._times.request_s, spare_s / 2)

    def _half_of(self, until: float) -> float:
        return max(0.1, (until - self._now()) / 2)

    def _now(self) -> float:
        """Real seconds since an arbitrary moment."""
        return self._clock.monotonic() / self._scale

    def _unsettled(self, holder: str) -> LeaseHeldError:
        return LeaseHeldError(
            f"the lease {self._where} at {self._client.host} is held by {holder}, and the deadline"
            " came before it was seen whether that run is alive",
            holder=holder,
            hint=f"a run that died is found out after {self._times.duration_s} s; give more time",
        )

    def _held_by(self, holder: str) -> LeaseHeldError:
        return LeaseHeldError(
            f"another run holds the lease {self._where} at {self._client.host}: {holder}",
            holder=holder,
            hint="wait until it ends; a run that died frees the lease after"
            f" {self._times.duration_s} s",
        )
