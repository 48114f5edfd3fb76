"""``outage_shown``: decides whether an outage of the API server has lasted long enough to show."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.service.view import Wait, WaitKind

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.errors import ClusterError

HICCUP = timedelta(seconds=15)
"""The length of an outage of the API server that is not shown, such as that of its update."""


def outage_shown(found: tuple[datetime, ClusterError] | None, now: datetime) -> Wait | None:
    """Return what the page shows of an outage; None if there is none, or only a short one.

    Args:
        found: Since when the API server cannot be read, and the last error; None if it can.
        now: The current time.
    """
    if found is None or now - found[0] < HICCUP:
        return None
    return Wait(kind=WaitKind.CLUSTER, since=found[0], message=str(found[1]))
