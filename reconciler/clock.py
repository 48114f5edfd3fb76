"""The clocks that wiring hands out: the real one, and one that runs faster for the demo."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """Real time; implements ``ports.Clock``."""

    scale = 1.0

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never runs backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let *seconds* pass; zero and less pass at once."""
        if seconds > 0:
            time.sleep(seconds)


class ScaledClock:
    """Time that begins at *epoch* and runs *scale* times as fast as real time.

    The demo uses it, so that the product's waits shrink along with the simulator's.
    """

    def __init__(self, *, epoch: datetime, scale: float) -> None:
        """Begin at *epoch* now.

        Raises:
            ValueError: *epoch* names no time zone, or *scale* is not above zero.
        """
        if epoch.tzinfo is None:
            raise ValueError(f"the epoch {epoch.isoformat()} names no time zone")
        if scale <= 0:
            raise ValueError(f"the scale {scale} is not above zero")
        self.scale = scale
        self._epoch = epoch.astimezone(UTC)
        self._began = time.monotonic()

    def now(self) -> datetime:
        """The scaled time of day, aware, in UTC."""
        return self._epoch + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Scaled seconds since the clock was made."""
        return (time.monotonic() - self._began) * self.scale

    def sleep(self, seconds: float) -> None:
        """Let *seconds* of scaled time pass; zero and less pass at once."""
        if seconds > 0:
            time.sleep(seconds / self.scale)
