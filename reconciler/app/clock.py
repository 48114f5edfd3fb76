"""Clocks: ``SystemClock``, ``ScaledClock`` for the demo, and ``ServerClock`` (API server time)."""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections import deque
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model.clock_difference import ClockDifference, plausible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.ports import Clock

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)
_SAMPLES = 5
"""The number of API responses whose median sets the clock, so that one outlier has no effect."""
_PROMPT_S = 1.0
"""The maximum duration in seconds of an API request whose response can adjust the clock."""
_DEAD_S = 2.0
"""The smallest clock difference that is corrected, in seconds; Date headers have whole seconds."""
_WARN_S = 30.0
"""The clock difference, in seconds, above which the program logs one warning."""
_SLICE_S = 1.0
"""The interval in seconds at which a sleeping thread calls the function of ``meanwhile``."""
_DIFFERS_S = 300.0
"""The clock difference, in seconds, above which both clocks must agree about windows."""


class SystemClock:
    """The real time; implements ``ports.Clock``."""

    scale = 1.0

    def now(self) -> datetime:
        """Return the current time of day in UTC, with its time zone."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary moment; the value never decreases."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds, or return immediately if the number is not positive."""
        if seconds > 0:
            time.sleep(seconds)


class ScaledClock:
    """A simulated clock that starts at a given time and runs faster or slower than real time.

    The demo uses this clock, so that the program's waits are shortened as much as the
    simulator's. The clock starts at *epoch* and runs *scale* times as fast as real time.
    """

    def __init__(self, *, epoch: datetime, scale: float) -> None:
        """Start the clock at a given time and with a given speed.

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
        """Return the simulated time of day in UTC, with its time zone."""
        return self._epoch + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the simulated seconds since the clock was created."""
        return (time.monotonic() - self._started) * self.scale

    def sleep(self, seconds: float) -> None:
        """Wait for a number of simulated seconds; return immediately for zero or less."""
        if seconds > 0:
            time.sleep(seconds / self.scale)


class ServerClock:
    """A clock that shows the API server's time of day and is safe to use from several threads.

    The control plane sets the times in objects, and the program compares these times with ``now``.
    The methods ``monotonic`` and ``sleep`` use the clock *base*. Between two responses,
    ``monotonic`` advances the server's time, so that a change of this machine's time of day has
    no effect.
    """

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._lock = threading.Lock()
        self._samples: deque[float] = deque(maxlen=_SAMPLES)
        """Estimates of the server's time at monotonic time 0, in seconds since ``_EPOCH``."""
        self._slow: float | None = None
        """The time from the last slow response; too imprecise for small corrections."""
        self._start: float | None = None
        """The current estimate of the server's time; None while this machine's clock is used."""
        self._server = ""
        self._warned = False
        self._meanwhile: tuple[int, Callable[[], None]] | None = None
        """The ID of a thread, and the function that this thread calls while it sleeps."""

    def now(self) -> datetime:
        """Return the API server's time of day in UTC, with its time zone."""
        start = self._start
        return self._base.now() if start is None else _moment(start + self._base.monotonic())

    def difference(self) -> ClockDifference | None:
        """Compare the API server's time with the time of this machine.

        Return both times if they differ by more than five minutes, and None otherwise.
        """
        with self._lock:
            start = statistics.median(self._samples) if self._samples else self._slow
        if start is None:
            return None
        server, local = _moment(start + self._base.monotonic()), self._base.now()
        # A slow response is at most its duration older than the server's time.
        if abs((server - local).total_seconds()) <= _DIFFERS_S:
            return None
        return ClockDifference(server=self._server, server_time=server, local_time=local)

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary moment; the value never decreases."""
        return self._base.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds, measured by the base clock."""
        meanwhile = self._meanwhile
        if meanwhile is None or meanwhile[0] != threading.get_ident():
            self._base.sleep(seconds)
            return
        until = self._base.monotonic() + seconds
        while (left_s := until - self._base.monotonic()) > 0:
            self._base.sleep(min(_SLICE_S, left_s))
            meanwhile[1]()

    @contextmanager
    def meanwhile(self, work: Callable[[], None]) -> Iterator[None]:
        """Within the block, call *work* about once a second while this thread sleeps.

        *work* must not sleep for long itself.
        """
        self._meanwhile = (threading.get_ident(), work)
        try:
            yield
        finally:
            self._meanwhile = None

    def adjust(self, date: datetime, *, asked_at: float, server: str) -> None:
        """Adjust the clock to the time of day in an API server response.

        An implausible time, such as one in the year 9999, is not used.

        Args:
            date: The time in the response, with a time zone, in whole seconds.
            asked_at: The time of the request, from ``monotonic``.
            server: The server's host and port.
        """
        answered_at = self._base.monotonic()
        took_s = answered_at - asked_at
        # The server omits the fraction of the second, which is half a second on average.
        sample = (date - _EPOCH).total_seconds() + 0.5 - asked_at - took_s / 2
        with self._lock:
            self._server = server
            if took_s > _PROMPT_S:
                self._slow = sample
                return
            self._samples.append(sample)
            start = statistics.median(self._samples)
            local_start = (self._base.now() - _EPOCH).total_seconds() - answered_at
            usable = plausible(_moment(start + answered_at))
            used = local_start if self._start is None else self._start
            if usable and abs(start - used) >= _DEAD_S:
                self._start = start
            ahead_s = start - local_start
            warn = abs(ahead_s) > _WARN_S and not self._warned
            self._warned = self._warned or warn
        if warn:
            side = "behind" if ahead_s > 0 else "ahead of"
            starts = start, local_start
            shown, here = (f"{_moment(each + answered_at):%F %T}" for each in starts)
            words = (
                "this machine's clock is %.0f s %s the API server's clock: %s shows %s, and this "
                "machine shows %s; reconciler uses the %s time"
            )
            chosen = "server's" if usable else "machine's"
            log.warning(words, abs(ahead_s), side, server, shown, here, chosen)


def _moment(seconds: float) -> datetime:
    """Convert seconds since ``_EPOCH`` to a time, limited to what Python supports."""
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return _LAST if seconds > 0 else _EPOCH
