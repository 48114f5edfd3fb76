"""The clocks that wiring hands out: the real one, one for the demo, and one set by a server's."""

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
"""So many are looked at together: one server of several that is wrong moves nothing."""
_PROMPT_S = 1.0
"""An answer that took longer says too little of when it was written."""
_DEAD_S = 2.0
"""Less than this is not corrected: a Date header tells whole seconds."""
_WARN_S = 30.0


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


class ServerClock:
    """*base*, whose time of day is set by what a server says of its own; safe to use from threads.

    Times in objects are the API server's and its neighbours', and are compared with ``now``.
    ``monotonic`` and ``sleep`` are those of *base*.
    """

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._lock = threading.Lock()
        self._samples: deque[float] = deque(maxlen=_SAMPLES)
        self._ahead_s = 0.0
        """How far the server's time is ahead of that of *base*, as it is corrected now."""
        self._warned = False

    def now(self) -> datetime:
        """The time of day at the server, aware, in UTC."""
        return self._base.now() + timedelta(seconds=self._ahead_s)

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never runs backwards."""
        return self._base.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let *seconds* pass."""
        self._base.sleep(seconds)

    def heard(self, date: datetime, *, asked_at: float) -> None:
        """Take notice that the server answered at *date*, in whole seconds.

        Args:
            date: Aware.
            asked_at: When it was asked, by ``monotonic``.
        """
        took_s = self._base.monotonic() - asked_at
        if took_s > _PROMPT_S:
            return
        written = self._base.now() - timedelta(seconds=took_s / 2)
        with self._lock:
            # Half a second in the middle: the fraction is cut off.
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
