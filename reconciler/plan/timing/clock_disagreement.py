"""``clock_disagreement``: checks whether clocks disagree about open maintenance windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.clock_difference import plausible
from reconciler.plan.plan_policy import ALWAYS
from reconciler.plan.timing.windows import opening

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.clock_difference import ClockDifference
    from reconciler.model.desired.config import Window
    from reconciler.model.references import ObjectRef

HINT = (
    "correct the wrong clock, for example with NTP, or run `apply --ignore-windows`, which does "
    "not compare clocks"
)


def clock_disagreement(
    clocks: ClockDifference | None, windows: tuple[Window, ...], needs: Mapping[ObjectRef, float]
) -> str:
    """Describe how two clocks disagree about open maintenance windows.

    The clocks disagree if the windows are open according to only one of them, or if a VM change
    fits into the open window according to only one of them. *needs* contains the seconds that each
    change needs. The result is empty if the clocks agree.
    """
    if clocks is None or not windows or windows == ALWAYS:
        return ""
    if not (plausible(clocks.server_time) and plausible(clocks.local_time)):
        return f"{clocks}, so it is unknown whether a maintenance window is open"
    server, local = (opening(windows, at) for at in (clocks.server_time, clocks.local_time))
    if server.is_open != local.is_open:
        by = "the API server's" if server.is_open else "this machine's"
        return f"{clocks}, and a maintenance window is open only according to {by} clock"
    for ref, seconds in needs.items() if server.is_open else ():
        fits = server.fits(clocks.server_time, seconds)
        if fits != local.fits(clocks.local_time, seconds):
            by = "the API server's" if fits else "this machine's"
            return (
                f"{clocks}, and the change to {ref} fits into the maintenance window only "
                f"according to {by} clock"
            )
    return ""
