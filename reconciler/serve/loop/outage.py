"""``outage_shown``: decides whether an API server outage is long enough to be displayed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.service.view import Wait, WaitKind

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.errors import ClusterError

HICCUP = timedelta(seconds=15)
"""The maximum duration of an API server outage, such as a restart, that is not displayed."""


def outage_shown(found: tuple[datetime, ClusterError] | None, now: datetime) -> Wait | None:
    """Return the API server outage to display, or None if the outage is short or has ended.

    Args:
        found: When the API server stopped responding, and the last error, or None if it responds.
        now: The current time.
    """
    if found is None or now - found[0] < HICCUP:
        return None
    return Wait(kind=WaitKind.CLUSTER, since=found[0], message=str(found[1]))
