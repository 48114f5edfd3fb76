"""``clock_difference`` and ``require_agreeing_clocks``: compare this machine's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from reconciler.errors import ClocksDifferError
from reconciler.model.clock_difference import CLOCKS_DIFFER, ClockDifference

if TYPE_CHECKING:
    from reconciler.model.plan.plan import Plan
    from reconciler.ports import Clock


@runtime_checkable
class _Compared(Protocol):
    """A clock that knows how far it differs from the API server's clock."""

    def difference(self) -> ClockDifference | None:
        """Return both times if they differ by minutes, else None."""
        ...


def clock_difference(clock: Clock) -> ClockDifference | None:
    """Return the times of the API server and of this machine if they differ by minutes."""
    return clock.difference() if isinstance(clock, _Compared) else None


def require_agreeing_clocks(plan: Plan) -> None:
    """Check that the clocks of the API server and of this machine agree on the windows.

    Raises:
        ClocksDifferError: *plan* has a warning that they disagree.
    """
    for each in plan.diagnostics:
        if each.code == CLOCKS_DIFFER:
            raise ClocksDifferError(each.message, hint=each.hint)
