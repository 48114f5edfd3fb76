"""SimClock: simulated time, which runs like real time, runs faster, or stops between steps."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

STEPPED_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The default start time of a stepped clock; a fixed time makes all runs identical."""


class SimClock:
    """The clock of the simulated cluster.

    With `scale` 1.0, a simulated second takes a real second. With `scale` 60.0, a simulated minute
    takes a real second. With `scale` None (a stepped clock), time changes only when `advance` or
    `advance_to` is called.
    """

    def __init__(self, *, scale: float | None = 1.0, epoch: datetime | None = None) -> None:
        if scale is not None and scale <= 0:
            raise ValueError(
                f"the clock scale {scale!r} is not greater than 0; for a stepped clock, set None"
            )
        if epoch is not None and epoch.tzinfo is None:
            raise ValueError(
                f"clock epoch {epoch!r} has no time zone; pass a datetime with a time zone"
            )
        self.scale: Final = scale
        default = STEPPED_EPOCH if scale is None else datetime.now(UTC)
        self.epoch: Final = default if epoch is None else epoch.astimezone(UTC)
        self._started = time.monotonic()
        self._stepped = 0.0

    @property
    def stepped(self) -> bool:
        """Whether the clock moves only when `advance` or `advance_to` is called."""
        return self.scale is None

    def monotonic(self) -> float:
        """Returns the simulated seconds since the clock was created."""
        if self.scale is None:
            return self._stepped
        return (time.monotonic() - self._started) * self.scale

    def now(self) -> datetime:
        """Returns the simulated date and time, in UTC."""
        return self.epoch + timedelta(seconds=self.monotonic())

    def advance(self, seconds: float) -> None:
        """Advances a stepped clock by a number of seconds."""
        self.advance_to(self._stepped + seconds)

    def advance_to(self, moment: float) -> None:
        """Advances a stepped clock to a time, in seconds since the clock was created."""
        if self.scale is not None:
            raise RuntimeError(
                f"a clock with scale {self.scale} cannot be stepped; create it with scale=None"
            )
        if moment < self._stepped:
            raise ValueError(f"the clock is at {self._stepped} s and cannot go back to {moment} s")
        self._stepped = moment

    def real_delay(self, moment: float) -> float:
        """Returns the real seconds until a simulated time, or infinity for a stepped clock."""
        remaining = moment - self.monotonic()
        if remaining <= 0:
            return 0.0
        return float("inf") if self.scale is None else remaining / self.scale


def rfc3339(moment: datetime) -> str:
    """Formats a time like a timestamp in Kubernetes metadata: `2026-11-23T00:48:47Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "Z"
