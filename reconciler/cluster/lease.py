"""The right to patch, held as a ``coordination.k8s.io/v1`` Lease.

Whether another holder is alive is judged by watching its record change, never by comparing its
times with our clock. Every write names the resourceVersion that was read, so that of two runs only
one can win. The ``kubernetes`` library's own lock was not used: it builds its own client, hides
failures as values and cannot give the lease back.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import msgspec

from reconciler.errors import ClusterError, ConflictError, LeaseHeldError, NotFoundError

from . import paths
from .events import micro_time

if TYPE_CHECKING:
    from types import TracebackType

    from reconciler.ports import Clock

    from .client import Client

log = logging.getLogger(__name__)

_POLL_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How long a lease lasts; the proportions are client-go's."""

    duration_s: int = 15
    """After this long without a renewal others may take it."""
    renew_s: float = 5.0
    margin_s: float = 3.0
    """How long before its end an unrenewed lease counts as gone, for a patch under way."""

    def scaled(self, scale: float) -> LeaseTimes:
        """The same in real seconds for a clock that runs *scale* times as fast."""
        return LeaseTimes(
            duration_s=round(self.duration_s * scale),
            renew_s=self.renew_s * scale,
            margin_s=self.margin_s * scale,
        )


class ClusterLease:
    """Implements ``ports.Lease``; not safe to use from several threads.

    Args:
        namespace: That of the KubeVirt CR.
        holder: Names this run and no other, such as pod or host and a run id.
    """

    def __init__(
        self,
        client: Client,
        *,
        clock: Clock,
        namespace: str,
        name: str,
        holder: str,
        times: LeaseTimes | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._collection = paths.collection("leases", namespace, paths.LEASES_API)
        self._path = paths.member("leases", namespace, name, paths.LEASES_API)
        self._where = f"{namespace}/{name}"
        self._namespace = namespace
        self._name = name
        self._holder = holder
        self._times = times or LeaseTimes()
        self._record: dict[str, Any] | None = None
        self._renewed_at = 0.0

    def __enter__(self) -> Self:
        """Take the lease; waits to see whether another holder is alive, at most its duration.

        Raises:
            LeaseHeldError: Another run holds it and is alive.
            ClusterError: The lease cannot be read or written.
        """
        seen, since = None, self._clock.monotonic()
        while True:
            record = self._read()
            if record is None:
                if self._create():
                    return self
                continue
            spec = _spec(record)
            holder = spec.get("holderIdentity") or ""
            if seen is not None and spec != seen and holder not in ("", self._holder):
                raise self._held_by(holder)
            lasts_s = float(spec.get("leaseDurationSeconds") or self._times.duration_s)
            silent_s = self._clock.monotonic() - since
            dead = seen is not None and silent_s > lasts_s
            if holder in ("", self._holder) or dead:
                if holder and dead:
                    log.warning(
                        "taking the lease %s from %s, which is silent for %.0f s",
                        self._where,
                        holder,
                        silent_s,
                    )
                if self._write(record, taking=True):
                    return self
                seen, since = None, self._clock.monotonic()
                continue
            if seen is None:
                seen = spec
                log.info(
                    "the lease %s is held by %s; watching whether it is renewed",
                    self._where,
                    holder,
                )
            self._clock.sleep(_POLL_S)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lease back; a failure to do so costs the next run a wait, nothing else."""
        if self._record is None:
            return
        record, self._record = self._record, None
        freed = {**_spec(record), "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            self._put({**record, "spec": freed})
        except ClusterError as failure:
            log.warning("the lease %s is not given back: %s", self._where, failure)

    def held(self) -> bool:
        """Whether the lease is ours; renews it when due.

        False for good once another run has it or it is gone; False as long as renewing has failed
        for almost its duration.
        """
        if self._record is None:
            return False
        age_s = self._clock.monotonic() - self._renewed_at
        if age_s < self._times.renew_s:
            return True
        try:
            if self._write(self._record, taking=False) or self._renew_afresh():
                return True
        except NotFoundError:
            log.warning("the lease %s was deleted", self._where)
        except ClusterError as failure:
            log.warning("the lease %s is not renewed: %s", self._where, failure)
            age_s = self._clock.monotonic() - self._renewed_at
            return age_s < self._times.duration_s - self._times.margin_s
        self._record = None
        return False

    def _renew_afresh(self) -> bool:
        """After a conflict: our own write came through unheard, a foreign edit, a new holder."""
        record = self._read()
        holder = _spec(record).get("holderIdentity") if record else None
        if record is None or holder != self._holder:
            log.warning("the lease %s is lost to %s", self._where, holder or "nobody")
            return False
        return self._write(record, taking=False)

    def _read(self) -> dict[str, Any] | None:
        try:
            answer = self._client.send("GET", self._path, timeout_s=self._times.renew_s)
        except NotFoundError:
            return None
        return _decoded(answer.body)

    def _create(self) -> bool:
        now = micro_time(self._clock.now())
        began = self._clock.monotonic()
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self._holder,
                "leaseDurationSeconds": self._times.duration_s,
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": 0,
            },
        }
        try:
            answer = self._client.send("POST", self._collection, body=lease)
        except ConflictError:
            return False
        self._record, self._renewed_at = _decoded(answer.body), began
        return True

    def _write(self, record: dict[str, Any], *, taking: bool) -> bool:
        """Write *record* with us as its holder; False if somebody else wrote first.

        All else in it is kept: its annotations hold the progress of a rollout.
        """
        began = self._clock.monotonic()
        now = micro_time(self._clock.now())
        spec = {
            **_spec(record),
            "holderIdentity": self._holder,
            "leaseDurationSeconds": self._times.duration_s,
            "renewTime": now,
        }
        if taking:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
        try:
            written = self._put({**record, "spec": spec})
        except ConflictError:
            return False
        # Counted from before the request: the server may have stamped it as early as that.
        self._record, self._renewed_at = written, began
        return True

    def _put(self, record: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.send("PUT", self._path, body=record, timeout_s=self._times.renew_s)
        return _decoded(answer.body)

    def _held_by(self, holder: str) -> LeaseHeldError:
        return LeaseHeldError(
            f"another run holds the lease {self._where} at {self._client.host}: {holder}",
            holder=holder,
            hint="wait until it ends; a run that died frees the lease after"
            f" {self._times.duration_s} s",
        )


def _spec(record: dict[str, Any]) -> dict[str, Any]:
    spec = record.get("spec")
    return spec if isinstance(spec, dict) else {}


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode(body, type=dict)
    except msgspec.DecodeError as error:
        raise ClusterError(f"the server's answer is no Lease: {error}") from error
    return found
