"""``real_clock``, ``machine_clock`` and ``scaled_clock``: create the clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.clock import ScaledClock, ServerClock, SystemClock

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.ports import Clock


def real_clock() -> Clock:
    """Return the real clock, which adopts the API server's time after the first response."""
    return ServerClock(SystemClock())


def machine_clock() -> Clock:
    """Return the clock of this machine, for times from servers other than the API server."""
    return SystemClock()


def scaled_clock(epoch: datetime, scale: float) -> Clock:
    """Return the demo's clock, which starts at a given time and runs at a given speed.

    *scale* is the speed; 1 is real time.
    """
    return ServerClock(ScaledClock(epoch=epoch, scale=scale))


def server_clock(clock: Clock) -> ServerClock | None:
    """Return the clock if it follows the API server's time of day, or None otherwise."""
    return clock if isinstance(clock, ServerClock) else None
