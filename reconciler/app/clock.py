"""The clocks: ``SystemClock``, ``ScaledClock`` for the demo, and ``ServerClock``."""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.ports import Clock

log = logging.getLogger(__name__)

_SAMPLES = 5
"""The number of answers whose median sets the clock, so that one wrong answer has no effect."""
_PROMPT_S = 1.0
"""The maximum duration of a request in seconds; slower answers do not adjust the clock."""
_DEAD_S = 2.0
"""The smallest clock difference that is corrected, in seconds; Date has whole seconds."""
_WARN_S = 30.0
"""The clock difference, in seconds, from which the program logs one warning."""


class SystemClock:
    """The real time; implements ``ports.Clock``."""

    scale = 1.0

    def now(self) -> datetime:
        """Return the time of day in UTC, as an aware datetime."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment, which never decrease."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*; return immediately if they are not positive."""
        if seconds > 0:
            time.sleep(seconds)


class ScaledClock:
    """A clock that starts at *epoch* and runs *scale* times as fast as real time.

    The demo uses this clock, so that the program's waits are as short as the simulator's.
    """

    def __init__(self, *, epoch: datetime, scale: float) -> None:
        """Start the clock at *epoch*.

        Raises:
            ValueError: *epoch* has no time zone, or *scale* is not greater than zero.
        """
        if epoch.tzinfo is None:
            raise ValueError(f"the epoch {epoch.isoformat()} has no time zone")
        if scale <= 0:
            raise ValueError(f"the scale {scale} is not greater than zero")
        self.scale = scale
        self._epoch = epoch.astimezone(UTC)
        self._started = time.monotonic()

    def now(self) -> datetime:
        """Return the scaled time of day in UTC, as an aware datetime."""
        return self._epoch + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the scaled seconds since the clock was created."""
        return (time.monotonic() - self._started) * self.scale

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds* of scaled time; return immediately if they are not positive."""
        if seconds > 0:
            time.sleep(seconds / self.scale)


class ServerClock:
    """A clock that uses the API server's time of day; safe to use from several threads.

    The control plane sets the times in objects, and the program compares these times with ``now``.
    The methods ``monotonic`` and ``sleep`` come from the clock *base*.
    """

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._lock = threading.Lock()
        self._samples: deque[float] = deque(maxlen=_SAMPLES)
        self._ahead_s = 0.0
        """The correction in use: how far the server's time is ahead of *base*, in seconds."""
        self._warned = False

    def now(self) -> datetime:
        """Return the API server's time of day in UTC, as an aware datetime."""
        return self._base.now() + timedelta(seconds=self._ahead_s)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment, which never decrease."""
        return self._base.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        self._base.sleep(seconds)

    def adjust(self, date: datetime, *, asked_at: float) -> None:
        """Adjust the clock to the time in a response of the API server.

        Args:
            date: The time in the response, with a time zone, in whole seconds.
            asked_at: The time of the request, from ``monotonic``.
        """
        took_s = self._base.monotonic() - asked_at
        if took_s > _PROMPT_S:
            return
        written = self._base.now() - timedelta(seconds=took_s / 2)
        with self._lock:
            # The server omits the fraction of the second, which is half a second on average.
            self._samples.append((date - written).total_seconds() + 0.5)
            found_s = statistics.median(self._samples)
            if abs(found_s - self._ahead_s) < _DEAD_S:
                return
            self._ahead_s = found_s
            warn = abs(found_s) > _WARN_S and not self._warned
            self._warned = self._warned or warn
        if warn:
            side = "behind" if found_s > 0 else "ahead of"
            words = "this machine's clock is %.0f s %s the API server's; using the server's time"
            log.warning(words, abs(found_s), side)
