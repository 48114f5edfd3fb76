"""``OtherHolder``: decides whether another run still holds a Lease."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from reconciler.cluster.lease import lease_record
from reconciler.errors import LeaseHeldError

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

_LONGEST_S = 120.0
"""The maximum duration of another run's lease, in seconds; longer durations are not respected.

No run uses more than ``LeaseTimes.duration_s``. A longer duration is a mistake that would block
every run for that time. A holder that renews less often than every ``_LONGEST_S`` seconds is not a
run of this program.
"""


class OtherHolder:
    """Decides that a Lease's holder is dead if the Lease stays unchanged for its duration.

    Args:
        where: The Lease's namespace and name.
        host: The server's host and port.
        duration_s: The lease duration if the Lease has none, in seconds.
        since: The monotonic time when the observation starts, in real seconds.
        level: The log level of the message that reports another holder.
    """

    def __init__(
        self,
        *,
        where: str,
        host: str,
        duration_s: int,
        since: float,
        level: int = logging.INFO,
    ) -> None:
        self._level = level
        self._where, self._host = where, host
        self._duration_s = duration_s
        self._since = since
        self._first: dict[str, Any] | None = None

    def is_dead(self, record: Mapping[str, Any], now: float) -> bool:
        """Return whether the Lease has not changed for longer than its duration.

        Raises:
            LeaseHeldError: The Lease has changed since it was first read: its holder is alive.
        """
        spec, holder = lease_record.spec_of(record), lease_record.holder_of(record)
        if self._first is None:
            self._first = spec
            words = "the lease %s is held by %s; waiting to see whether the holder renews it"
            log.log(self._level, words, self._where, holder)
            return False
        if spec != self._first:
            raise LeaseHeldError(
                f"another run holds the lease {self._where} at {self._host}: {holder}",
                holder=holder,
                hint="wait until that run ends, for example with apply --wait-for-lease 15m; the "
                f"lease of a dead run expires after {self._duration_s} s",
            )
        silent_s = now - self._since
        named_s = float(spec.get("leaseDurationSeconds") or self._duration_s)
        if silent_s <= min(named_s, _LONGEST_S):
            return False
        words = "taking over the lease %s from %s, which has not renewed it for %.0f s"
        log.warning(words, self._where, holder, silent_s)
        return True

    def unsettled(self, record: Mapping[str, Any]) -> LeaseHeldError:
        """Return the error for a wait that did not show whether the holder is alive."""
        holder = lease_record.holder_of(record)
        return LeaseHeldError(
            f"the lease {self._where} at {self._host} is held by {holder}, and the deadline "
            "passed before it was clear whether the holder is alive",
            holder=holder,
            hint=(
                f"set a longer --deadline; a dead holder is detected after {self._duration_s} s"
            ),
        )
