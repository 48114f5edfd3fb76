"""``age_warning``: warns about a snapshot that is too old for a plan."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.quantity import Duration
    from reconciler.model.references import Location

SNAPSHOT_AGE = "snapshot-age"
"""The code of the warning about an old snapshot; each plan format shows this warning first."""
_CLOCKS_AGREE = timedelta(minutes=5)
"""How far in the future a snapshot's time can be without a warning."""


def age_warning(
    observed_at: datetime, now: datetime, max_age: Duration, at: Location | None
) -> Diagnostic | None:
    """Return a warning if a snapshot of the cluster is too old, else None.

    A snapshot with a time in the future also causes a warning, because its age is unknown.

    Args:
        observed_at: The time at which the cluster was read.
        now: The current time.
        max_age: The value of ``snapshotMaxAge``.
        at: The location of ``snapshotMaxAge`` in the configuration; None if it is not set.
    """
    time = f"{observed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    try:
        age = now - observed_at
    except OverflowError:
        age = timedelta.max
    if age < -_CLOCKS_AGREE:
        problem = f"the snapshot file says that it was created at {time}, which is in the future"
    elif age.total_seconds() > max_age.seconds:
        problem = f"the snapshot is out of date: it was created at {time}, more than {max_age} ago"
    else:
        return None
    return Diagnostic(
        severity=Severity.WARNING,
        code=SNAPSHOT_AGE,
        message=problem,
        at=at,
        hint="create a new snapshot with `reconciler snapshot`, or change the limit "
        "`snapshotMaxAge` in .reconciler.yaml",
    )
